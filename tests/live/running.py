"""`rotor run` as a process beside a test, with its output as it arrives and a data folder with holdings."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from core.infra.database import open_database
from core.infra.home import Home, HomeLock, database_files
from core.model.bond import BondCode
from core.model.order import Side
from core.model.settings import QmtSettings, Settings
from core.rules.performance import EntryKind
from core.trading.ledger import Ledger
from core.trading.risk import LiveConsent
from core.trading.state_store import TRADING, StateStore
from tests.live.world import ACCOUNT, MOMENT, ProcessWorld
from tests.waiting import PATIENCE
from tui.cli.offline import status_document

RUNS = "rotor runs (live"
"""What `rotor run` says when it is ready."""

Record = dict[str, Any]


def live_settings(world: ProcessWorld) -> Settings:
    """The settings that say where the database is."""
    return Settings(mode="live", qmt=QmtSettings(userdata=str(world.terminal.userdata), account=ACCOUNT))


def furnished(world: ProcessWorld, owned: Iterable[str], volume: int = 100) -> None:
    """Prepare the data folder as `rotor consent` and `rotor adopt` do, owning `volume` 张 of each bond, only faster."""
    world.settings["GUARDS__SELF_TEST"] = "waived"
    agreed(Home(world.home), live_settings(world), owned, volume)


@contextmanager
def before_a_rotation(folder: Path, owned: Sequence[str], new: Sequence[str]) -> Generator[ProcessWorld]:
    """An account that owns the one bonds, under a list of the others, with everything agreed to."""
    with ProcessWorld(folder, held=owned) as world:
        world.furnish([*owned, *new])
        furnished(world, owned)
        world.platform.listed = new
        yield world


@contextmanager
def watched_by_stops(folder: Path, owned: Sequence[str]) -> Generator[ProcessWorld]:
    """An account whose bonds are all the strategy's, with stops at 5 and 10 % of their cost and no scheduled run."""
    with ProcessWorld(folder, held=owned) as world:
        world.furnish(owned)
        world.settings |= {"STOPS__STOP_LOSS": "0.05", "STOPS__TAKE_PROFIT": "0.10", "SCHEDULE__FREQUENCY": "off"}
        furnished(world, owned)
        yield world


def agreed(home: Home, settings: Settings, owned: Iterable[str], volume: int = 100) -> None:
    """The same for any data folder in live mode. Each bond cost 100 CNY."""
    home.prepare()
    path, _ = database_files(home, settings)
    with closing(open_database(path, TRADING)) as database:
        LiveConsent(StateStore(database), ACCOUNT, waived=True).consent()
        ledger = Ledger(database)
        for code in owned:
            ledger.move_by_hand(EntryKind.ADOPTED, BondCode(code), Side.BUY, volume, Decimal(100), MOMENT)


def status(world: ProcessWorld) -> Record:
    """What `rotor status --json` prints, without starting a process."""
    return status_document(Home(world.home), live_settings(world))


def ledger(world: ProcessWorld) -> dict[str, int]:
    return {row["code"]: row["volume"] for row in status(world)["ledger"]}


def until(true: Callable[[], object], what: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until it is true; fails with `what` as it is at the end."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.01)


class Running:
    """A running command, by default `rotor run`; `said` is its stderr so far. It ends with the `with` block.

    The block begins when the command has said `ready`.
    """

    def __init__(self, world: ProcessWorld, program: "subprocess.Popen[str] | None" = None, ready: str = RUNS) -> None:
        self._world = world
        self._ready = ready
        self.program = program or world.start("run")
        self.said = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        try:
            self.wait_for(self._ready)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait()
        self._reader.join(10)
        for stream in (self.program.stdout, self.program.stderr):
            if stream is not None:
                stream.close()

    def wait_for(self, text: str, seconds: float = PATIENCE) -> None:
        def said_or_ended() -> bool:
            if text not in self.said and self.program.poll() is not None:
                self._reader.join(10)
                assert text in self.said, self.said
            return text in self.said

        until(said_or_ended, lambda: f"{text!r} was not said:\n{self.said}", seconds)

    def follows(self) -> Self:
        """Wait until prices arrive: the subscription follows the start."""
        until(lambda: self._world.control.dump()["calls"].get("subscribe_whole", 0) >= 1, lambda: self.said)
        self._world.control.settle()
        return self

    def end(self, number: signal.Signals) -> int:
        """End it and return its exit code."""
        self.program.send_signal(number)
        code = self.program.wait(20)
        self._reader.join(10)
        return code

    def _read(self) -> None:
        assert self.program.stderr is not None
        for line in self.program.stderr:
            self.said += line


def free(world: ProcessWorld) -> bool:
    """Whether no process uses the data folder."""
    return HomeLock(Home(world.home)).holder() is None
