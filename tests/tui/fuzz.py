"""`python -m tests.tui.fuzz [KEYS] [SEED...]`: random keys in bursts over a pseudo terminal, on the sandbox.

Keys, pastes, clicks, resizes and bytes that are no input come in bursts of 1 to 12; palette, dialogs and text fields
included. Whatever comes: the app neither crashes nor logs a traceback, answers the next key, comes home by esc and a
digit, and sends no command that asks first without its question answered. POSIX only.
"""

import json
import os
import random
import re
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.infra.home import Home
from tests.terminal.pty_app import PtyApp
from tui.cli.offline import prepare_demo
from tui.terminal import exit_code_of

KEYS, SEEDS = 20_000, (1, 2, 3)

ANSWER_SECONDS = 30.0
"""Seconds in which the app must have worked through a burst; a loaded machine needs some of them."""

HOME_EVERY = 20
"""Bursts between two ways home."""

MARKET_SPEED = 30

ASKS_FIRST = frozenset(
    {
        *("ExecutePlan", "Flatten", "SellOne", "CancelOrder", "CancelWorking", "SettleOrder", "Adopt", "Release"),
        *("PauseBuys", "Halt", "Resume", "DropMissed", "RunStrategy", "ForgetSecret", "GiveConsent"),
    }
)
"""Commands that only an answered question sends. The orders of all the others are the schedule's and the stops'."""

SENT_BY_HAND = {"rebalance": "ExecutePlan", "flatten": "Flatten", "hand sale": "SellOne"}
"""Origins of orders, and the command that makes them: the schedule is off."""

_SETTINGS = {
    "LANGUAGE": "en",
    "SCHEDULE__FREQUENCY": "off",
    "SCREEN__MOUSE": "true",
    # What is typed into a setting reaches no other machine.
    "FACTORCAT__BASE_URL": "http://127.0.0.1:9",
    "QUOTES__TENCENT": "http://127.0.0.1:9",
    "UPDATES__URL": "",
    "NOTIFY__URLS": "[]",
    "NOTIFY__EMAIL__HOST": "127.0.0.1",
    "NOTIFY__EMAIL__PORT": "9",
}
_SIZES = ((80, 24), (40, 10), (120, 30), (160, 45))
_NAMED = {
    **dict.fromkeys(("\r", "\x1b", "\t"), 4),
    **dict.fromkeys(("\x1b[A", "\x1b[B", "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F", "\x1b[C", "\x1b[D"), 2),
    **dict.fromkeys((" ", "\x7f", "\x1b[Z", "\x1b[3~", "\x1bOP"), 1),
    **dict.fromkeys(("\x10", "/", "?"), 2),
    **dict.fromkeys(("\x03", "\x11", "\x1a", "\x00", "\x0c"), 0.2),
    "q": 0.4,
}
_LETTERS = "abcdefghijklmnoprstuvwxyzFNOR[]"
_WORDS = ("flatten\r", "cancel\r", "I agree\r", "3r", "3rey", "2\r\ru", "4xy", "8\r", "by", "hy", "Ry", "ey", "5xy")
_PASTES = ("113050", "trader\tsecret", "转债\n0.05\n", "x" * 300, "y", "\x1b[31m")


class Broken(AssertionError):
    """The app failed; the message says how, and with which seed and keys it is seen again."""


@dataclass
class Figures:
    """What a run did."""

    keys: int = 0
    bursts: int = 0
    restarts: int = 0
    homes: int = 0
    yes: int = 0
    orders: int = 0
    slowest: float = 0.0
    commands: Counter[str] = field(default_factory=Counter[str])

    def __str__(self) -> str:
        asked = sum(count for name, count in self.commands.items() if name in ASKS_FIRST)
        return (
            f"{self.keys} keys in {self.bursts} bursts, {self.restarts} restarts, {self.homes} ways home; "
            f"{self.commands['MakePlan']} plans, {self.yes} questions answered with yes, {asked} commands that ask "
            f"first, {self.orders} orders by hand; slowest answer {self.slowest:.1f} s"
        )


class Typist:
    """Makes up what is typed, from one seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        names, weights = zip(*_NAMED.items(), strict=True)
        self._names, self._weights = names, weights

    def burst(self) -> tuple[bytes, int]:
        """What comes in one write, and how many keys it counts as."""
        count = self._chance.randint(1, 12)
        return b"".join(self._key() for _ in range(count)), count

    def size(self) -> tuple[int, int] | None:
        """Now and then, another size of the terminal."""
        return self._chance.choice(_SIZES) if self._chance.random() < 0.03 else None

    def _key(self) -> bytes:
        make = self._chance.choices(
            (self._named, self._letter, self._digit, self._word, self._mouse, self._paste, self._noise),
            (38, 34, 13, 5, 6, 1, 3),
        )[0]
        made = make()
        return made if isinstance(made, bytes) else made.encode()

    def _named(self) -> str:
        return self._chance.choices(self._names, self._weights)[0]

    def _letter(self) -> str:
        return self._chance.choice(_LETTERS)

    def _digit(self) -> str:
        return self._chance.choice("12345678")

    def _word(self) -> str:
        return self._chance.choice(_WORDS)

    def _paste(self) -> str:
        return f"\x1b[200~{self._chance.choice(_PASTES)}\x1b[201~"

    def _mouse(self) -> str:
        button = self._chance.choice((0, 0, 0, 2, 35, 64, 65))
        at = f"{self._chance.randint(1, 160)};{self._chance.randint(1, 45)}"
        down = f"\x1b[<{button};{at}M"
        return down + f"\x1b[<{button};{at}m" if button < 3 else down

    def _noise(self) -> bytes:
        some = bytes(self._chance.randrange(0x80, 0x100) for _ in range(self._chance.randint(1, 6)))
        return self._chance.choice(
            (
                *(
                    "转债".encode("gbk"),
                    some,
                    b"\x1b[M \xf0\xff",
                    b"\x1b[M" + some,
                    b"\x1b[",
                    b"\x1b[<35;1",
                    b"\x1b]0;x",
                ),
                *(
                    b"\x1b[48;999999;999999;1;1t",
                    b"\x1b[<;;M",
                    b"\x1b[?1;2c",
                    b"\x1b[200~",
                    b"\x1b[201~",
                    b"\x1bP+q\x1b\\",
                ),
            )
        )


class Fuzz:
    """One seed's run over one data folder."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._home, self._record, self._seed = Home(folder / "home"), folder / "record", seed
        self._home.path.mkdir()
        self._record.touch()
        prepare_demo(self._home)
        self._environment = {name: text for name, text in os.environ.items() if not name.startswith("ROTOR_")} | {
            **{f"ROTOR_{name}": text for name, text in _SETTINGS.items()},
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }
        self._read, self._probes, self._on_top, self._plans = 0, 0, "", set[str]()
        self._recent: list[bytes] = []
        self.figures = Figures()

    def run(self, keys: int) -> Figures:
        """Type this many keys. Raises `Broken`."""
        typist = Typist(self._seed)
        while self.figures.keys < keys:
            with self._app() as app:
                app.wait_for("trading enabled|trading is off|halted|paused", 60)
                while app.alive and self.figures.keys < keys:
                    self._type(app, typist)
                if app.alive:
                    self._go_home(app)
                    os.kill(app.pid, signal.SIGTERM)
                    self._ended(app, exit_code_of(signal.SIGTERM))
                else:
                    self._ended(app)
                    self.figures.restarts += 1
        self._check_log()
        self._check_orders()
        return self.figures

    def _app(self) -> PtyApp:
        arguments = ["-m", "tests.tui.recorded_app", str(self._record), "--home", str(self._home.path)]
        options = ["--mode", "sandbox", "--speed", str(MARKET_SPEED)]
        return PtyApp(options, *_SIZES[0], program=arguments, environment=self._environment)

    def _type(self, app: PtyApp, typist: Typist) -> None:
        typed, count = typist.burst()
        self._recent = [*self._recent[-7:], typed]
        self.figures.keys += count
        self.figures.bursts += 1
        if size := typist.size():
            app.resize(*size)
        app.press(typed)
        self._await_answer(app)
        if app.alive and self.figures.bursts % HOME_EVERY == 0:
            self._go_home(app)
            app.press("\x1b")

    def _await_answer(self, app: PtyApp) -> None:
        """Until the probe key, typed behind the burst, has reached the app, or the app has ended."""
        began, probes = time.monotonic(), self._probes
        while app.alive and self._probes == probes:
            app.press("\x1b[20~")
            self._watch(app, probes)
            if time.monotonic() - began > ANSWER_SECONDS:
                self._check_log()
                self._fail(app, f"no answer within {ANSWER_SECONDS:.0f} s")
        self.figures.slowest = max(self.figures.slowest, time.monotonic() - began)

    def _watch(self, app: PtyApp, probes: int) -> None:
        """Read what the app writes and records, until an answer comes or a cut off sequence has been given up."""
        until = time.monotonic() + 1.5
        while app.alive and self._probes == probes and time.monotonic() < until:
            if b"Traceback" in app.written(0.01):
                self._fail(app, "a traceback on the screen")
            self._take_in()

    def _go_home(self, app: PtyApp) -> None:
        """Esc closes what is open, a digit and ? bring the help of Home: from everywhere."""
        self.figures.homes += 1
        columns, lines = _SIZES[0]
        app.resize(columns + 1, lines)
        self._on_top = ""
        for _ in range(12):
            closed = self._on_top == "Screen"
            app.press("\x1b")
            self._await_answer(app)
            if closed:  # and once more, for the line of a search
                break
        app.press("1?")
        self._await_answer(app)
        app.resize(columns, lines)  # draws everything
        try:
            app.wait_for("On Home", ANSWER_SECONDS)
        except AssertionError:
            self._fail(app, "it does not come home")

    def _take_in(self) -> None:
        """Read what the app has recorded since the last time."""
        with self._record.open("rb") as record:
            record.seek(self._read)
            lines = record.readlines()
        for line in lines:
            if not line.endswith(b"\n"):
                return
            self._read += len(line)
            self._note(json.loads(line))

    def _note(self, noted: dict[str, Any]) -> None:
        if "probe" in noted:
            self._probes += 1
            self._on_top = noted["probe"]
        elif "yes" in noted:
            self.figures.yes += 1
            by_key = noted["key"] in ("y", "MouseUp", "Click")
            if noted["yes"] == "Confirm" and not by_key:
                self._fail(None, f"{noted['title']!r} was answered with yes by {noted['key']!r}")
            if noted["yes"] == "TypedConfirm" and (noted["key"] != "enter" or not noted["typed"].strip()):
                self._fail(None, f"{noted['title']!r} was answered with yes by {noted['key']!r}")
        elif "command" in noted:
            self.figures.commands[noted["command"]] += 1
            if noted["command"] in ASKS_FIRST and not noted["question"]:
                self._fail(None, f"{noted['command']} was sent without an answered question")
            if noted["plan"]:
                self._plans.add(noted["plan"])

    def _ended(self, app: PtyApp, expected: int = 0) -> None:
        """Quit ends the app with 0; whatever else ends it is a fault."""
        code = app.exit_code()
        self._take_in()
        if code != expected:
            self._fail(app, f"exit code {code}")
        self._check_log()

    def _check_log(self) -> None:
        for line in self._log_lines():
            if "Traceback" in line or re.search(
                r"\b(the screen has stopped|the engine ended|failed and was restarted)", line
            ):
                self._fail(None, line.replace("\\n", "\n"))

    def _log_lines(self) -> Iterator[str]:
        for file in sorted(self._home.logs.glob("*.log")):
            yield from file.read_text("utf-8").splitlines()

    def _check_orders(self) -> None:
        """Each order that no stop and no schedule made belongs to a command that followed an answered question."""
        with closing(sqlite3.connect(self._home.database)) as books:
            plans = dict(books.execute("select plan_id, origin from orders"))
            self.figures.orders = sum(
                books.execute("select count(*) from orders where origin = ?", (origin,)).fetchone()[0]
                for origin in SENT_BY_HAND
            )
        made = Counter(origin for origin in plans.values() if origin in SENT_BY_HAND)
        for origin, command in SENT_BY_HAND.items():
            if made[origin] > self.figures.commands[command]:
                self._fail(None, f"{made[origin]} runs of {origin}, {self.figures.commands[command]} commands")
        unasked = {plan for plan, origin in plans.items() if origin == "rebalance"} - self._plans
        if unasked:
            self._fail(None, f"orders of plans that nobody executed: {sorted(unasked)}")

    def _fail(self, app: PtyApp | None, what: str) -> None:
        screen = "" if app is None else f"\n{app.text}"
        raise Broken(f"seed {self._seed}, after {self.figures.keys} keys: {what}\nlast bursts: {self._recent}{screen}")


def main(arguments: list[str]) -> int:
    keys = int(arguments[0]) if arguments else KEYS
    failed = 0
    for seed in [int(text) for text in arguments[1:]] or SEEDS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            fuzz = Fuzz(Path(folder), seed)
            try:
                fuzz.run(keys)
                outcome = "ok"
            except Broken as broken:
                failed += 1
                outcome = f"FAILED: {broken}"
        print(f"seed {seed}, {time.monotonic() - began:.0f} s: {fuzz.figures}: {outcome}", flush=True)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
