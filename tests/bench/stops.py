"""`python -m tests.bench.stops [CROSSINGS]`: from a price through a stop's level to the sell order, in a whole engine.

The engine is the real one on its own thread, over an emulated terminal that is a process of its own, with books that
reach the disk; another process lets all bonds tick. Measured from the SDK's call with the price to `Broker.place`.
"""

import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from miniqmt_emulator.control import Control

from core.brokers.qmt import QmtBroker
from core.engine.engine import Engine
from core.infra.clock import RealClock
from core.infra.home import Home
from core.model.bond import BondCode
from core.model.command import Adopt, Done
from core.model.order import Intent, OrderState, Outcome
from core.model.settings import OrderSettings, QmtSettings, ScheduleSettings, Settings, StopSettings
from core.model.snapshot import Snapshot
from core.model.time import SHANGHAI
from core.quotes.qmt import QmtQuotes
from tests.live.running import agreed
from tests.live.world import ACCOUNT, MOMENT, bonds
from tests.miniqmt.terminal import shared_terminal

BONDS, MANAGED = 500, 100
EVERY = 3.0
"""Seconds between two prices of a bond."""

CROSSINGS = 200
PAUSE = (0.05, 0.25)
"""Seconds between two crossings, at random, so that they fall on every moment of the engine's turn."""

TARGET = 20.0
"""Milliseconds that 99 of 100 crossings may take."""


@dataclass(slots=True)
class Reactions:
    """What was measured: seconds per crossing, and what the engine's thread took of a processor meanwhile."""

    seconds: list[float] = field(default_factory=list[float])
    busy: float = 0.0
    whole: float = 0.0
    """What the whole process took of a core."""
    snapshots: float = 0.0
    """A second."""
    ticks: float = 0.0
    """A second."""

    def quantile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def __str__(self) -> str:
        told = ", ".join(f"p{share:.0%}".rstrip("%") + f" {self.quantile(share):.1f}" for share in (0.5, 0.9, 0.99))
        return (
            f"{told}, max {self.quantile(1):.1f} ms of {len(self.seconds)} crossings; {self.ticks:.0f} prices and "
            f"{self.snapshots:.1f} pictures a second, engine thread {self.busy:.0%} of a core"
        )


class _Watch:
    """Notes when a price through a level came in and when the order for it was handed over."""

    def __init__(self) -> None:
        self.code = ""
        self.came = 0.0
        self.ticks = 0
        self.sent = threading.Event()
        self.seconds = 0.0
        self.order = ""

    def heard(self, ticks: Mapping[str, Mapping[str, Any]]) -> None:
        self.ticks += len(ticks)
        if self.code in ticks and ticks[self.code]["lastPrice"] < 95 and not self.came:
            self.came = time.perf_counter()

    def placed(self, intent: Intent) -> None:
        if intent.code == self.code and self.came and not self.sent.is_set():
            self.seconds, self.order = time.perf_counter() - self.came, intent.client_order_id
            self.sent.set()

    def expect(self, code: str) -> None:
        self.code, self.came = code, 0.0
        self.sent.clear()


@contextmanager
def _noted(watch: _Watch, followed: Sequence[str]) -> Iterator[None]:
    """The two ends of the measured way report to `watch`, and the clock is the terminal's.

    All of `followed` are subscribed to, as the names of a long plan would be.
    """
    shift = MOMENT - datetime.now(SHANGHAI)
    hear, place, now = QmtQuotes._on_ticks, QmtBroker.place, RealClock.now  # pyright: ignore[reportPrivateUsage]
    follow, all_of_them = QmtQuotes.watch, frozenset(BondCode(code) for code in followed)

    def heard(self: QmtQuotes, ticks: Mapping[str, Mapping[str, Any]]) -> None:
        watch.heard(ticks)
        hear(self, ticks)

    async def placed(self: QmtBroker, intent: Intent) -> Outcome:
        watch.placed(intent)
        return await place(self, intent)

    QmtQuotes.watch = lambda self, codes: follow(self, all_of_them | set(codes))  # type: ignore[method-assign]
    QmtQuotes._on_ticks, QmtBroker.place = heard, placed  # type: ignore[method-assign]  # pyright: ignore[reportPrivateUsage]
    RealClock.now = lambda _: datetime.now(SHANGHAI) + shift  # type: ignore[method-assign]
    try:
        yield
    finally:
        QmtQuotes._on_ticks, QmtBroker.place = hear, place  # type: ignore[method-assign]  # pyright: ignore[reportPrivateUsage]
        RealClock.now = now  # type: ignore[method-assign]
        QmtQuotes.watch = follow  # type: ignore[method-assign]


@contextmanager
def _engine(folder: Path, held: Sequence[str]) -> Iterator[Engine]:
    settings = Settings(
        mode="live",
        qmt=QmtSettings(userdata=str(shared_terminal().userdata), account=ACCOUNT),
        orders=OrderSettings(type="market", timeout=5),
        stops=StopSettings(stop_loss=Decimal("0.05"), take_profit=Decimal("0.5")),
        schedule=ScheduleSettings(frequency="off"),
    )
    settings = settings.model_copy(update={"guards": settings.guards.model_copy(update={"self_test": "waived"})})
    agreed(Home(folder), settings, held[:MANAGED])
    engine = Engine(Home(folder), settings)
    engine.start()
    try:
        engine.wait_ready()
        yield engine
    finally:
        engine.stop()


def measure(
    folder: Path,
    held: Sequence[str],
    ticking: Sequence[str],
    crossings: int = CROSSINGS,
    beside: Callable[[Engine], AbstractContextManager[object]] = nullcontext,
) -> Reactions:
    """Let prices cross levels, one bond after the other; each is adopted again once it was sold.

    `beside`: what goes on meanwhile.
    """
    control, chance, watch, found = shared_terminal().control, random.Random(1), _Watch(), Reactions()
    _furnish(control, held, ticking)
    shown: list[int] = []
    with (
        _noted(watch, ticking),
        _engine(folder, held) as engine,
        _ticking(ticking) as leave_alone,
        ExitStack() as meanwhile,
    ):
        control.wait_for(lambda: control.dump()["calls"].get("subscribe_whole"))
        engine.subscribe(lambda snapshot: shown.append(snapshot.number))
        thread = next(thread for thread in threading.enumerate() if thread.name == "rotor-engine")
        assert thread.ident is not None
        clock = time.pthread_getcpuclockid(thread.ident)
        time.sleep(2 * EVERY)  # every bond has ticked
        meanwhile.enter_context(beside(engine))
        whole = time.process_time()
        began, used, ticks, shown[:] = time.perf_counter(), time.clock_gettime(clock), watch.ticks, []
        for number in range(crossings):
            code = held[number % MANAGED]
            leave_alone(code)
            time.sleep(chance.uniform(*PAUSE))
            found.seconds.append(_cross(engine, control, watch, code))
        took = time.perf_counter() - began
        found.busy = (time.clock_gettime(clock) - used) / took
        found.whole = (time.process_time() - whole) / took
        found.snapshots, found.ticks = len(shown) / took, (watch.ticks - ticks) / took
    return found


def _furnish(control: Control, held: Sequence[str], ticking: Sequence[str]) -> None:
    positions = [{"code": code, "volume": 100, "cost_price": 100.0} for code in held]
    control.reset(
        {
            "clock": f"{MOMENT:%Y-%m-%d %H:%M:%S}",
            "accounts": [{"account_id": ACCOUNT, "cash": 1_000_000, "positions": positions}],
            "instruments": [{"code": code, "name": f"bond {code[:6]}", "prev_close": 100.0} for code in ticking],
            "settings": {"latency": {"default": 0.002}, "session_reuse_gap": 0.0},
        }
    )
    for code in ticking:
        control.set_quote(code, 100.0, depth=100_000, volume_add=5_000)


def _cross(engine: Engine, control: Control, watch: _Watch, code: str) -> float:
    """Seconds from the price to the order; afterwards the bond is owned again."""
    watch.expect(code)
    control.set_quote(code, 94.0, depth=100_000, volume_add=10)
    if not watch.sent.wait(20):
        raise SystemExit(f"the stop of {code} did not fire ({watch.came=}): {_last(engine)}")
    _until(engine, lambda shown: _sold(shown, watch.order))
    control.set_quote(code, 100.0, depth=100_000, volume_add=10)
    control.set_position(ACCOUNT, code, 100, cost_price=100.0)
    adopted = engine.send(Adopt(code)).result(20)
    if not isinstance(adopted, Done):
        raise SystemExit(f"{code} cannot be adopted: {adopted.text}")
    return watch.seconds


def _sold(shown: Snapshot, key: str) -> bool:
    return any(order.intent.client_order_id == key and order.state is OrderState.FILLED for order in shown.orders)


def _until(engine: Engine, true: Callable[[Snapshot], bool]) -> None:
    deadline = time.monotonic() + 20
    while engine.latest is None or not true(engine.latest):
        if time.monotonic() > deadline:
            raise SystemExit(f"the stop was not seen through: {_last(engine)}")
        time.sleep(0.02)


def _last(engine: Engine) -> str:
    return " / ".join(event.text for event in engine.latest.events[-3:]) if engine.latest else "nothing"


@contextmanager
def _ticking(codes: Sequence[str]) -> Iterator[Callable[[str], None]]:
    """Another process lets these bonds tick: in this one it would take the engine's time.

    Answers with what keeps one bond out of it: a price that is back at once sells nothing, and that is right.
    """
    command = [sys.executable, "-m", "tests.bench.ticks", str(shared_terminal().userdata), str(EVERY), *codes]
    ticker = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, bufsize=1)
    told = ticker.stdin
    assert told is not None
    try:
        yield lambda code: print(code, file=told, flush=True)
    finally:
        told.close()
        ticker.wait(10)


def rows() -> list[tuple[str, str]]:
    """The lines of the README's table: what, figure."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), bonds(MANAGED), bonds(BONDS))
    return [(f"a price through a stop's level to its sell order, {MANAGED} guarded, {BONDS} bonds ticking", str(found))]


def main() -> None:
    crossings = int(sys.argv[1]) if len(sys.argv) > 1 else CROSSINGS
    for held in (MANAGED, BONDS):
        with tempfile.TemporaryDirectory() as folder:
            found = measure(Path(folder), bonds(held), bonds(BONDS), crossings)
        print(  # noqa: T201
            f"{BONDS} bonds ticking, {held} held, {MANAGED} guarded; target p99 <= {TARGET:.0f} ms: {found}", flush=True
        )


if __name__ == "__main__":
    main()
