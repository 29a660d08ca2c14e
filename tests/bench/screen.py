"""`python -m tests.bench.screen`: what the screen costs, in a real terminal, fed as the engine feeds it.

200 holdings and 500 quotes a second, in pictures as often as the engine makes them; then out of session, with nothing
to show. The processor's share is that of the threads that read keys, draw and write; those that feed are not counted.
"""

import ctypes
import os
import select
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pexpect
import pyte

from core.model.bond import BondCode
from core.model.known import Known
from core.model.snapshot import PositionRow, Snapshot
from tests.tui.samples import NOW, positions, snapshot
from tests.tui.scripted import ScriptedLink

ROWS, QUOTES, PICTURES = 200, 500, 4
"""Holdings; quotes a second; pictures a second, as many as the engine makes at most of ticks."""

SECONDS, KEYS = 10.0, 60
_FEEDER = "feeder"


def holdings() -> list[PositionRow]:
    first = positions()[0]
    codes = [f"{'113' if number % 2 else '127'}{number:03d}" for number in range(ROWS)]
    return [replace(first, code=BondCode(code), name=f"转债{code[3:]}") for code in codes]


def feed(link: ScriptedLink, *, ticking: bool) -> None:
    """Pictures until the process ends."""
    # Python does not tell the system the names of its threads: PR_SET_NAME does.
    ctypes.CDLL(None).prctl(15, _FEEDER.encode(), 0, 0, 0)
    rows, step = holdings(), 0
    while True:
        time.sleep(1 / PICTURES)
        step += 1
        at = NOW + timedelta(seconds=step // PICTURES)
        if ticking:
            for place in range(QUOTES // PICTURES):
                index = (step * 37 + place) % ROWS
                moved = Decimal(100) + Decimal((step * 7 + place) % 3000) / 1000
                rows[index] = replace(rows[index], last=moved, quoted_at=at)
            link.change(at=at, positions=Known(tuple(rows)))
        elif step % PICTURES == 0:
            # Out of session the engine goes on saying that it is there.
            link.change(at=NOW.replace(second=0))


def program(*, ticking: bool) -> None:
    """The app over a scripted engine, in this process."""
    from tui.app import run

    shown: Snapshot = snapshot(
        positions=Known(tuple(holdings())), orders=(), jobs=(), session="open" if ticking else "closed"
    )
    link = ScriptedLink(shown if ticking else replace(shown, at=NOW.replace(second=0)))
    threading.Thread(target=feed, args=(link,), kwargs={"ticking": ticking}, name=_FEEDER, daemon=True).start()
    sys.exit(run(link))


@dataclass
class Watched:
    """The app in a terminal that somebody reads."""

    child: "pexpect.spawn[bytes]"
    screen: pyte.Screen
    stream: pyte.ByteStream
    written: int = 0

    def read(self, seconds: float) -> int:
        """Take in what comes within these seconds; the bytes that came."""
        before, deadline = self.written, time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.child.child_fd], [], [], left)[0]:
                self._take()
        return self.written - before

    def _take(self) -> None:
        data = os.read(self.child.child_fd, 65536)
        self.written += len(data)
        self.stream.feed(data)

    def until_the_cursor_is_painted(self, seconds: float = 2.0) -> float:
        """Seconds from now until the cursor's mark is written, which no tick does: those write from a price on.

        Looked for in what comes, not on the emulated screen, whose own work is not the app's.
        """
        begun, came = time.monotonic(), b""
        while b">" not in came and time.monotonic() - begun < seconds:
            if select.select([self.child.child_fd], [], [], 0.05)[0]:
                came += os.read(self.child.child_fd, 65536)
        waited = time.monotonic() - begun
        self.written += len(came)
        self.stream.feed(came)
        return waited

    def until(self, text: str, seconds: float = 20.0) -> None:
        """Read until this stands on the screen."""
        deadline = time.monotonic() + seconds
        while text not in "".join(self.screen.display) and time.monotonic() < deadline:
            self.read(0.1)

    def until_the_message_is_gone(self, seconds: float = 20.0) -> None:
        """Read until the message above the keys has had its time: what begins with it is not idle yet."""
        deadline = time.monotonic() + seconds
        while "Closing this window" in self.screen.display[-2] and time.monotonic() < deadline:
            self.read(0.1)
        self.read(0.5)

    def send(self, keys: str) -> None:
        self.child.send(keys)

    def processor(self) -> float:
        """Seconds of a processor that the app's own threads have used."""
        ticks = 0
        for task in Path(f"/proc/{self.child.pid}/task").iterdir():
            if (task / "comm").read_text().strip() != _FEEDER:
                ticks += sum(int(field) for field in (task / "stat").read_text().rsplit(")", 1)[1].split()[11:13])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def watched(*, ticking: bool, columns: int = 160, lines: int = 45) -> Iterator[Watched]:
    mode = "ticking" if ticking else "idle"
    child = pexpect.spawn(
        sys.executable,
        ["-m", "tests.bench.screen", mode],
        dimensions=(lines, columns),
        env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(Path.cwd())},
    )
    screen = pyte.Screen(columns, lines)
    app = Watched(child, screen, pyte.ByteStream(screen))
    try:
        app.until("Quit")
        app.send("4")
        app.until("127000.SZ")
        app.read(0.7)
        yield app
    finally:
        child.close(force=True)


def keys_to_paint(app: Watched, count: int) -> list[float]:
    """Milliseconds from a key to the line under the cursor, keys at odd moments of the feeding."""
    found: list[float] = []
    for number in range(count):
        app.read(0.05 + (number * 37 % 100) / 1000)
        app.send("\x1b[B" if number % 20 < 10 else "\x1b[A")
        found.append(1000 * app.until_the_cursor_is_painted())
    return found


def page_down(app: Watched) -> int:
    """Bytes of one page down, the ticks of its moment included."""
    app.send("\x1b[6~")
    return app.read(0.3)


def mouse_move(app: Watched) -> int:
    """Bytes of one move of the mouse over the rows."""
    app.send("\x1b[<35;20;12M")
    app.read(0.2)
    app.send("\x1b[<35;24;14M")
    return app.read(0.2)


def rows() -> list[tuple[str, str]]:
    with watched(ticking=True) as app:
        used, written, begun = app.processor(), app.written, time.monotonic()
        app.read(SECONDS)
        seconds = time.monotonic() - begun
        share, speed = (app.processor() - used) / seconds, (app.written - written) / seconds / 1000
        keys = keys_to_paint(app, KEYS)
        pages = [page_down(app) for _ in range(3)]
    with watched(ticking=False) as app:
        app.until_the_message_is_gone()
        used, written = app.processor(), app.written
        app.read(SECONDS)
        idle, silent = (app.processor() - used) / SECONDS, app.written - written
        moves = [mouse_move(app) for _ in range(5)]
    p95 = statistics.quantiles(keys, n=20)[-1]
    return [
        ("key to paint at 500 quotes a second on 200 rows", f"p50 {statistics.median(keys):.0f} ms, p95 {p95:.0f} ms"),
        ("the same, processor and bytes written", f"{share:.1%} of a core, {speed:.1f} kB/s"),
        ("one page down of 200 rows", f"{max(pages) / 1000:.1f} kB"),
        ("idle out of session", f"{idle:.1%} of a core, {silent / SECONDS:.0f} B/s"),
        ("one move of the mouse", f"{max(moves)} B"),
    ]


if __name__ == "__main__":
    if sys.argv[1:]:
        program(ticking=sys.argv[1] == "ticking")
    for what, figure in rows():
        print(f"| {what} | {figure} |")  # noqa: T201
