"""Tencent's quote service on loopback: lines of the recorded shape, GBK, with made-up figures."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from core.model.time import SHANGHAI

OPEN = datetime(2026, 9, 18, 10, 30, 3, tzinfo=SHANGHAI)


def line(code: str, last: str = "112.500", **changes: Any) -> str:
    """A line of 88 fields for a bond such as 113052.SH; `changes` are fields by place: f30="20260918103003"."""
    digits, _, market = code.partition(".")
    fields = ["0"] * 88
    price = float(last)
    told = {
        "f0": "1" if market == "SH" else "51",
        "f1": f"转债{digits[-3:]}",
        "f2": digits,
        "f3": last,
        "f4": "112.000",
        "f5": "112.100",
        "f6": "142360",
        "f9": f"{price - 0.001:.3f}",
        "f10": "120",
        "f19": f"{price + 0.001:.3f}",
        "f20": "80",
        "f29": "",
        "f30": "20260918103003",
        "f31": f"{price - 112:.3f}",
        "f33": "113.000",
        "f34": "111.900",
        "f35": f"{last}/142360/{142360 * 10 * 112.3:.0f}",
        "f36": "142360",
        "f40": "",
        "f47": "134.400",
        "f48": "89.600",
        "f61": "ZQ-KZZ",
        "f82": "CNY",
    } | changes
    for name, value in told.items():
        fields[int(name[1:])] = str(value)
    return f'v_{market.lower()}{digits}="{"~".join(fields)}";'


def dead(code: str) -> str:
    """A delisted bond's line: its last price, otherwise empty, at 09:00:00 of each day."""
    nothing = dict.fromkeys((f"f{place}" for place in (5, 6, 9, 10, 19, 20, 31, 33, 34, 36)), "0.000")
    gone = {"f4": "144.967", "f30": "20260918090000", "f35": "144.967/0/0", "f40": "D", "f47": "-1", "f48": "-1"}
    return line(code, "144.967", **(nothing | gone | {"f6": "0"}))


class Service:
    """`lines` by code; `status` and `body` instead of them where they are set."""

    def __init__(self) -> None:
        self.lines: dict[str, str] = {}
        self.asked: list[list[str]] = []
        self.status = 200
        self.body: bytes | None = None
        self.url = ""

    def show(self, *lines: str) -> None:
        self.lines |= {text[2:].partition("=")[0]: text for text in lines}

    def answer(self, wanted: Iterable[str]) -> bytes:
        if self.body is not None:
            return self.body
        found = [self.lines[name] for name in wanted if name in self.lines]
        return "\n".join(found or ['v_pv_none_match="1";']).encode("gbk")


@contextmanager
def served() -> Iterator[Service]:
    """The service, listening until the end of the block."""
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = parse_qs(urlsplit(self.path).query).get("q", [""])[0].split(",")
            service.asked.append(wanted)
            body = service.answer(wanted)
            self.send_response(service.status)
            self.send_header("Content-Type", "text/html; charset=GBK")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
