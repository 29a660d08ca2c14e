"""The heartbeat: sent by the engine's own checks, with its state, and harmless on failure."""

import threading
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.engine.engine import Engine
from core.infra.config import SettingsError, load_settings
from core.infra.home import Home
from core.infra.logs import redacted
from core.infra.network import ServiceUnavailable
from core.model.known import Known
from core.model.quote import SessionPhase
from core.model.settings import Settings
from core.model.snapshot import BlockKind, Control, Snapshot, StopStatus
from core.notify.heartbeat import Heartbeat, Signal, ping
from tests.factorcat.server import Server, drip, raw, silence
from tests.tui.samples import blocked, positions, snapshot
from tests.waiting import drained, until, wait_until
from tui.cli.main import main
from tui.cli.offline import prepare_demo

KEY = "0a1b-secret"
ACCOUNT, MONEY = "8880012345", "312000"


class World:
    """A heartbeat over a service on loopback; a beat each second of a clock that the test moves."""

    def __init__(self, server: Server, mode: str = "live", **notify: Any) -> None:
        self.server = server
        self.now = 1000.0
        self.number = 0
        notify = {"heartbeat_url": f"{server.url}/{KEY}", **notify}
        self.heart = Heartbeat(Settings.model_validate({"mode": mode, "notify": notify}), lambda: self.now)

    async def beats(self, seconds: int, shown: Snapshot, *, fresh: bool = True) -> list[str]:
        """What came in during these seconds: the path after the key, and the text."""
        before = len(self.server.seen)
        for _ in range(seconds):
            self.now += 1
            self.number += fresh
            self.heart.beat(replace(shown, number=self.number))
            await drained()
            if (task := self.heart._task) is not None:
                await until(task.done)
        return [f"{seen.path.removeprefix(f'/{KEY}')} {seen.body.decode()}" for seen in self.server.seen[before:]]


@pytest.fixture
async def server() -> AsyncGenerator[Server]:
    server = Server()
    await server.start()
    for path in (f"/{KEY}", f"/{KEY}/fail", f"/{KEY}/log"):
        server.on(path, raw(200, b"OK"))
    yield server
    await server.stop()


def calm(**changes: Any) -> Snapshot:
    held = tuple(row for row in positions() if row.stop is None or row.stop.armed)
    return snapshot(**{"mode": "live", "account": ACCOUNT, "positions": Known(held), **changes})


async def test_a_working_engine_pings_at_once_and_then_every_few_minutes(server: Server) -> None:
    world = World(server)
    (first,) = await world.beats(299, calm())
    assert first.startswith(" rotor ")
    assert first.endswith(", live: trading is on")
    assert server.seen[0].method == "POST"
    assert len(await world.beats(301, calm())) == 1


def unarmed(status: StopStatus) -> Known[Any]:
    rows = [replace(row, stop=replace(row.stop, armed=False, status=status)) for row in positions() if row.stop]
    return Known(tuple(rows))


@pytest.mark.parametrize(
    ("changes", "hold", "said"),
    [
        ({"ready": False, "blockers": blocked(f"{ACCOUNT}: {MONEY} CNY")}, 10, "trading is off (mismatch)"),
        ({"controls": (Control.HALTED,)}, 0, "halted"),
        ({"controls": (Control.TRIPPED,)}, 0, "breaker tripped"),
        ({"positions": unarmed(StopStatus.NO_PRICE)}, 60, "0 of 5 stops are armed"),
    ],
)
@pytest.mark.parametrize("worked_before", [True, False])
async def test_a_state_in_which_nothing_is_guarded_is_a_failure_once_it_lasts(
    server: Server, changes: dict[str, Any], hold: int, said: str, worked_before: bool
) -> None:
    world = World(server)
    if worked_before:
        await world.beats(2, calm())
    assert await world.beats(hold, calm(**changes)) == [], "neither a failure yet, nor that all is well"
    (failed,) = await world.beats(100, calm(**changes))
    assert failed.startswith("/fail rotor ")
    assert said in failed
    (again,) = await world.beats(2, calm())
    assert again.startswith(" rotor "), "the service hears at once that it has ended"
    told = b"".join(seen.body for seen in server.seen).decode()
    assert ACCOUNT not in told
    assert MONEY not in told


@pytest.mark.parametrize(
    "changes",
    [
        {"controls": (Control.PAUSED,)},
        {"positions": unarmed(StopStatus.OFF)},
        {"positions": unarmed(StopStatus.NOT_SET)},
        {"positions": unarmed(StopStatus.NO_PRICE), "session": SessionPhase.BREAK},
        {"ready": False, "blockers": blocked("", kind=BlockKind.CONNECTION_LOST), "session": SessionPhase.CLOSED},
    ],
)
async def test_what_the_user_chose_and_a_terminal_closed_for_the_night_are_no_failure(
    server: Server, changes: dict[str, Any]
) -> None:
    (only,) = await World(server).beats(200, calm(**changes))
    assert only.startswith(" rotor ")


async def test_checks_that_go_on_without_new_snapshots_are_a_failure(server: Server) -> None:
    world = World(server)
    assert len(await world.beats(2, calm())) == 1
    (failed,) = await world.beats(200, calm(), fresh=False)
    assert failed.startswith("/fail ")
    assert "the screen's data are not renewed" in failed


async def test_without_an_address_and_in_the_sandbox_nothing_is_sent(server: Server) -> None:
    assert await World(server, heartbeat_url="").beats(400, calm()) == []
    assert await World(server, mode="sandbox").beats(400, calm(mode="sandbox")) == []


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (raw(404, b"no"), "it answered with status 404"),
        (raw(302, b"", "Location: https://example.com\r\n"), "it answered with status 302"),
        (raw(200, b"OK (not found)"), "it does not know this address"),
        (raw(200, b"x" * 100_000), "its answer cannot be used: it is longer than 64 kB"),
    ],
)
async def test_a_service_that_refuses_is_named_once_and_tried_again_soon(
    server: Server, reply: Any, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(server)
    server.on(f"/{KEY}", reply)
    assert len(await world.beats(65, calm())) == 3
    assert world.heart.notices() == (f"the heartbeat is not delivered: {why}",)
    assert caplog.text.count("the heartbeat is not delivered") == 1
    assert KEY not in redacted(caplog.text)
    server.on(f"/{KEY}", raw(200, b"OK"))
    await world.beats(30, calm())
    assert world.heart.notices() == ()


@pytest.mark.parametrize("reply", [silence(), drip("slow")])
async def test_a_service_that_does_not_answer_delays_nothing(
    server: Server, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.infra.network._SERVICE_SECONDS", 0.2)
    server.on(f"/{KEY}", reply)
    world = World(server)
    begun = time.perf_counter()
    world.heart.beat(calm())
    assert time.perf_counter() - begun < 0.1
    await until(lambda: world.heart.notices())
    assert "did not answer within 0 s" in world.heart.notices()[0]
    await world.heart.close()


async def test_no_sentence_holds_the_address() -> None:
    with pytest.raises(ServiceUnavailable) as failed:
        await ping(f"http://127.0.0.1:9/{KEY}", Signal.OK, "x", "none")
    assert KEY not in str(failed.value)


async def test_a_query_stays_behind_the_path(server: Server) -> None:
    await ping(f"{server.url}/{KEY}/?create=1", Signal.FAIL, "x", "none")
    assert server.seen[0].target == f"/{KEY}/fail?create=1"


@pytest.mark.parametrize(
    "address", ["hc-ping.com/0a1b-secret", "ftp://x/0a1b-secret", "http://example.com/0a1b-secret"]
)
def test_an_unusable_address_is_refused_without_repeating_it(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(tmp_path, {"notify.heartbeat_url": address}, {})
    assert "notify.heartbeat_url = *** (option): " in str(refused.value)
    assert KEY not in str(refused.value)
    (tmp_path / "config.toml").write_text(f'[notify]\nheartbeat_url = "https://hc-ping.com/{KEY}"\n', encoding="utf-8")
    assert KEY not in CliRunner().invoke(main, ["--home", str(tmp_path), "config", "show"]).output


class Pings:
    """A service on threads of its own, which goes on while the engine's loop is stuck."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        pings = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                pings.paths.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/{KEY}"


@pytest.fixture
def pings() -> Iterator[Pings]:
    made = Pings()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.slow
def test_an_engine_whose_loop_is_stuck_sends_no_ping(
    tmp_path: Path, pings: Pings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.notify.heartbeat.MINUTE", 0.01)  # a ping after each check
    home = Home(tmp_path)
    prepare_demo(home)
    settings = {
        "mode": "paper",
        "factorcat": {"base_url": "http://127.0.0.1:9"},
        "notify": {"heartbeat_url": pings.url},
    }
    engine = Engine(home, Settings.model_validate(settings))
    stuck, go_on = threading.Event(), threading.Event()

    def block(_: Snapshot) -> None:
        if len(pings.paths) >= 3 and not stuck.is_set():
            stuck.set()
            go_on.wait(60)

    engine.subscribe(block)
    engine.start()
    try:
        engine.wait_ready()
        assert stuck.wait(60), "the engine pings while it works"
        time.sleep(0.5)  # one may be on its way
        sent = len(pings.paths)
        time.sleep(4)  # four checks
        assert len(pings.paths) == sent
        go_on.set()
        wait_until(lambda: len(pings.paths) >= sent + 3)
    finally:
        go_on.set()
        engine.stop()
    ended = len(pings.paths)
    time.sleep(1.5)
    assert len(pings.paths) == ended
