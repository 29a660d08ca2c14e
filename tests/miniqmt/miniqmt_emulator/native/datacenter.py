"""Served as ``xtquant.datacenter``: the quote client, talking to the emulated terminal.

The terminal is found through the environment variable ``MINIQMT_EMULATOR_USERDATA``, else through
a registration ``~/.xtquant/<any>/xtdata.cfg`` (written by ``--register``), else at the address the
program asked for.  BSON is spoken only inside this module, with the wheel's own ``xtbson``.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from miniqmt_emulator.clock import moment_of_ms
from miniqmt_emulator.protocol import USERDATA_VARIABLE, LineSocket, Message, read_port

_CONNECT_TIMEOUT = 3.0
_REQUEST_TIMEOUT = 150.0
_DEFAULT_PORT = 58610
_UNSUPPORTED = "当前客户端未支持此功能，请更新客户端或升级投研版"

# Trading sessions of convertible bonds: kind (2 opening auction, 3 continuous, 8 closing auction),
# begin, end.
_MORNING = [(2, 91500, 92500), (3, 93000, 113000)]
_AFTERNOON = {
    "SH": [(3, 130000, 150000)],
    "SZ": [(3, 130000, 145700), (8, 145700, 150000)],
}

Callback = Callable[[Any], None]


# -- functions of the module ------------------------------------------------------------------


def rpc_init(config_dir: str) -> int:
    return 0


def register_create_nparray(function: Callable[..., Any]) -> bool:
    return True


def get_local_server_port() -> int:
    return 0


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Settings of the stand-alone data service, which is not emulated."""


set_config_dir = set_data_home_dir = set_token = log_init = start_init_quote = shutdown = _nothing
set_kline_mirror_enabled = set_allow_optmize_address = set_wholequote_market_list = _nothing
set_future_realtime_mode = set_watch_market_list = set_index_mirror_enabled = _nothing
set_kline_cutting_mode = set_quote_time_version = set_thousand_source_mode = _nothing


def get_status() -> dict[str, Any]:
    return {"init_done": True}


def fetch_auth_markets() -> dict[str, Any]:
    return {"done": 0}


def fetch_init_result(keys: Any) -> dict[str, Any]:
    return {}


def fetch_server_list_status() -> bytes:
    return _bson({})


def listen(ip: str, first_port: int, last_port: int) -> tuple[str, int]:
    return ip, 0


# -- the quote client -------------------------------------------------------------------------


class IPythonApiClient:
    """One connection to the terminal's quote service."""

    def __init__(self) -> None:
        self._address = f"127.0.0.1:{_DEFAULT_PORT}"
        self._link: LineSocket | None = None
        self._dispatcher: _Dispatcher | None = None
        self._control_callbacks: dict[str, Callback] = {}
        self._subscriptions: dict[int, Callback | None] = {}
        self._replies: dict[int, queue.SimpleQueue[Message | None]] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._folders = {"data_dir": "", "app_dir": ""}

    def init(self) -> int:
        return 0

    def load_config(self, file: str, section: str) -> int:
        return 0

    def set_config_addr(self, address: str) -> None:
        self._address = address

    def get_config_addr(self) -> str:
        return self._address

    get_peer_addr = get_config_addr

    def registerCommonControlCallback(self, name: str, callback: Callback) -> bool:
        self._control_callbacks[name] = callback
        return True

    def connect(self) -> tuple[int, str]:
        """(0, '') or (-1, reason)."""
        wanted = int(self._address.rpartition(":")[2])
        for port in _terminal_ports(wanted):
            try:
                link = LineSocket(port, _CONNECT_TIMEOUT)
                link.send({"role": "quote", "port": wanted})
                reply = link.receive(_CONNECT_TIMEOUT)
            except (OSError, ValueError):
                continue
            if reply is None or reply.get("result") != 0:
                link.close()
                continue
            self._open(link, reply)
            return 0, ""
        return -1, f"rpc connect failed, error:<unknown>, peer:{self._address}"

    def is_connected(self) -> bool:
        return self._link is not None

    def shutdown(self) -> int:
        link, self._link = self._link, None
        if link is not None:
            link.close()
        if self._dispatcher is not None:
            self._dispatcher.stop()
        return 0

    def get_data_dir(self) -> str:
        return self._folders["data_dir"]

    def get_app_dir(self) -> str:
        return self._folders["app_dir"]

    def get_server_tag(self) -> bytes:
        return _bson({"tag": "miniqmt_emulator", "version": "1.0"})

    # -- quotes

    def get_full_tick(self, codes: list[str]) -> str:
        return json.dumps(self._call("full_tick", codes=list(codes)), ensure_ascii=False)

    def subscribe_whole_quote(self, codes: list[str], param: bytes, callback: Callback | None) -> int:
        return self._subscribe(callback, "subscribe_whole", codes=list(codes))

    def subscribe_quote(self, meta: bytes, region: bytes, param: bytes, callback: Callback | None) -> int:
        return self._subscribe(callback, "subscribe_one", code=_unbson(meta)["stockCode"])

    def unsubscribe_quote(self, number: int) -> None:
        self._subscriptions.pop(number, None)
        self._call("unsubscribe_quote", subscription=number)

    def get_all_subscribe_quote(self) -> list[int]:
        return list(self._subscriptions)

    # -- reference data

    def get_instrument_detail(self, code: str) -> bytes:
        detail = self._call("instrument_detail", code=code)
        return _bson(detail) if detail else b""

    def get_stock_type(self, code: str) -> dict[str, bool]:
        return dict(self._call("stock_type", code=code))

    def is_stock_type(self, code: str, tag: str) -> bool:
        return bool(self.get_stock_type(code).get(tag))

    def get_trading_dates_by_market(self, market: str, start: str, end: str, count: int) -> list[int]:
        return list(self._call("trading_dates", start=start, end=end, count=count))

    def get_market_last_trade_date(self, market: str) -> int:
        dates = self._call("trading_dates", start="", end="", count=1)
        return int(dates[0]) if dates else 0

    def get_holidays(self) -> list[int]:
        return [int(day) for day in self._call("holidays")]

    def get_sector_list(self) -> list[str]:
        return list(self._call("sectors"))

    def get_stock_list_in_sector(self, name: str, timetag: int) -> list[str]:
        return list(self._call("sector_members", sector=name))

    def get_divid_factors(self, code: str, start: str, end: str) -> dict[str, Any]:
        return {}

    def down_cb_data(self) -> None:
        self._call("download_cb")

    def get_cb_info(self, code: str) -> bytes:
        return _bson(self._call("cb_info", code=code))

    def get_ipo_info(self, start: str, end: str) -> list[Any]:
        return []

    # -- downloads and bars

    def supply_history_data(self, code: str, period: str, start: str, end: str) -> bool:
        self._call("download")
        return True

    def supply_history_data2(
        self,
        codes: list[str],
        period: str,
        start: str,
        end: str,
        param: bytes,
        on_progress: Callback,
    ) -> bool:
        self._call("download")
        total = max(1, len(codes))
        for done in range(1, total + 1):
            code = codes[done - 1] if codes else ""
            progress = {"finished": done, "total": total, "stockcode": code, "message": ""}
            self._dispatch(on_progress, progress)
        return True

    def stop_supply_history_data2(self) -> bool:
        return True

    def get_market_data3(
        self,
        fields: list[str],
        codes: list[str],
        period: str,
        start: str | int,
        end: str | int,
        count: int,
        dividend: str,
        fill: bool,
        layout: str,
        *rest: Any,
    ) -> list[tuple[str, list[str], list[tuple[str, str, bytes]]]]:
        """Daily bars, in the only layout the emulator has ('v4')."""
        if layout != "v4" or period != "1d":
            raise NotImplementedError(f"the emulator has daily bars only, not {period} in layout {layout}")
        days = {"start": _day(start), "end": _day(end)}
        table = self._call("bars", codes=list(codes), count=count, **days)
        return [(code, bars["day"], list(_columns(bars, fields))) for code, bars in table.items()]

    def commonControl(self, function: str, param: bytes) -> bytes:
        if function == "getapiversion":
            return _bson({"downloadversion": 1})
        if function == "getcurrentsubinfo":
            return _bson({"result": [{"subId": number} for number in self._subscriptions]})
        if function == "downloadholidaydata":
            self._call("download")
            return _bson({})
        if function == "getcomingtradedate":
            return _bson({"result": []})
        if function == "getopenclosetradetimebystock":
            market = str(_unbson(param)["stockcode"]).rpartition(".")[2]
            return _bson(_trading_period(market))
        raise Exception(f"func:{function}, error:{_UNSUPPORTED}")

    # -- plumbing

    def _open(self, link: LineSocket, greeting: Message) -> None:
        self._folders = {key: str(greeting[key]) for key in self._folders}
        self._link = link
        self._dispatcher = _Dispatcher()
        self._dispatcher.start()
        threading.Thread(target=self._read, args=(link,), name="miniqmt-quote-link", daemon=True).start()
        self._report_status("connected")

    def _call(self, op: str, **params: Any) -> Any:
        """One request to the terminal; raises when it fails or gets no reply."""
        link = self._link
        if link is None:
            raise Exception(f"func:{op}, error:disconnected")
        number = next(self._ids)
        inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        with self._lock:
            self._replies[number] = inbox
        try:
            if self._link is not link:
                raise OSError("link lost")
            link.send({"op": op, "id": number, **params})
            reply = inbox.get(timeout=_REQUEST_TIMEOUT)
        except (OSError, queue.Empty):
            raise Exception(f"func:{op}, error:timeout") from None
        finally:
            with self._lock:
                self._replies.pop(number, None)
        if reply is None:
            raise Exception(f"func:{op}, error:disconnected")
        if "error" in reply:
            raise Exception(reply["error"])
        return reply["value"]

    def _subscribe(self, callback: Callback | None, op: str, **params: Any) -> int:
        number = next(self._ids)
        self._subscriptions[number] = callback
        try:
            result = int(self._call(op, subscription=number, **params))
        except BaseException:
            self._subscriptions.pop(number, None)
            raise
        return result

    def _read(self, link: LineSocket) -> None:
        while (message := link.receive()) is not None:
            if "subscription" in message:
                callback = self._subscriptions.get(message["subscription"])
                if callback is not None:
                    self._dispatch(callback, _bson(message["data"]))
                continue
            with self._lock:
                inbox = self._replies.get(message["id"])
            if inbox is not None:
                inbox.put(message)
        if self._link is link:
            self._link = None
            self._report_status("disconnected")
        with self._lock:
            waiting = list(self._replies.values())
        for inbox in waiting:
            inbox.put(None)
        link.close()

    def _report_status(self, status: str) -> None:
        callback = self._control_callbacks.get("watchxtquantstatus")
        if callback is not None:
            self._dispatch(callback, _bson({"address": self._address, "status": status}))

    def _dispatch(self, callback: Callback, argument: Any) -> None:
        if self._dispatcher is not None:
            self._dispatcher.put(callback, argument)


class _Dispatcher(threading.Thread):
    """Runs quote callbacks on a thread of its own, never on the caller's."""

    def __init__(self) -> None:
        super().__init__(name="miniqmt-quote-callbacks", daemon=True)
        self._inbox: queue.SimpleQueue[tuple[Callback, Any] | None] = queue.SimpleQueue()

    def put(self, callback: Callback, argument: Any) -> None:
        self._inbox.put((callback, argument))

    def stop(self) -> None:
        self._inbox.put(None)

    def run(self) -> None:
        while (item := self._inbox.get()) is not None:
            callback, argument = item
            try:
                callback(argument)
            except Exception:
                traceback.print_exc(file=sys.stderr)


def _columns(bars: dict[str, list[Any]], fields: list[str]) -> Iterator[tuple[str, str, bytes]]:
    for name, values in bars.items():
        if name == "day" or (fields and name not in fields):
            continue
        letter = "q" if name in ("time", "volume") else "d"
        dtype = "<i8" if letter == "q" else "<f8"
        yield name, dtype, struct.pack(f"<{len(values)}{letter}", *values)


def _day(moment: str | int) -> str:
    """``YYYYMMDD`` of a text, or of epoch milliseconds."""
    if isinstance(moment, int):
        return moment_of_ms(moment).strftime("%Y%m%d") if moment else ""
    return moment[:8]


def _trading_period(market: str) -> dict[str, Any]:
    sessions = _MORNING + _AFTERNOON.get(market, [])
    return {
        "market": market,
        "codeRegex": "",
        "product": [],
        "category": [],
        "tradings": [{"status": kind, "time": [0, [begin, 0], [end, 0]]} for kind, begin, end in sessions],
    }


def _terminal_ports(wanted: int) -> Iterator[int]:
    """Where a terminal may listen, most specific first."""
    userdata = os.environ.get(USERDATA_VARIABLE)
    if userdata:
        port = read_port(userdata)
        if port is not None:
            yield port
        return
    home = Path(os.environ.get("USERPROFILE") or Path.home())
    for config in sorted(home.glob(".xtquant/*/xtdata.cfg")):
        try:
            registered = json.loads(config.read_text("utf-8")).get("emulator_userdata")
        except (OSError, ValueError, AttributeError):
            continue
        port = read_port(registered) if registered else None
        if port is not None:
            yield port
    yield wanted


def _bson(document: Any) -> bytes:
    from xtquant import xtbson

    return bytes(xtbson.BSON.encode(document))  # xtdata decodes plain bytes only


def _unbson(data: bytes) -> dict[str, Any]:
    from xtquant import xtbson

    return dict(xtbson.BSON(data).decode())
