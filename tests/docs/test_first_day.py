"""The first-day page, followed to the letter: its commands, its answers, its keys, at an emulated MiniQMT."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, Typed, typed_in
from tests.live.factorcat import PASSWORD, RECORD, STRATEGY, USER
from tests.live.world import ACCOUNT, ProcessWorld, bonds
from tests.terminal.pty_app import PtyApp

PAGE = typed_in(DOCS / "first-day.md")
KEYS = {"enter": "\r", "esc": "\x1b"}
EXPECTED = {"rotor rebalance": (0, 1)}
"""1: not every leg of the sandbox's plan finds a seller."""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="a pty is POSIX")]


class Trader:
    """Somebody who has the page beside the keyboard, at a machine where the page's example values are real."""

    def __init__(self, world: ProcessWorld, folder: Path) -> None:
        self.world = world
        self.home = folder / "work"
        self.home.mkdir()
        kept = {"FACTORCAT__BASE_URL", "QUOTES__SOURCES", "GUARDS__CROSS_CHECK", "GUARDS__REDEMPTION"}
        kept |= {"GUARDS__MAX_QUOTE_AGE", "ORDERS__TYPE", "ORDERS__TIMEOUT"}
        world.settings = {name: text for name, text in world.settings.items() if name in kept}
        # In paper mode prices come from the terminal too: there is no network here.
        world.settings["QMT__USERDATA"] = str(world.terminal.userdata)
        self.environment = world.environment() | {
            "PYTHON_KEYRING_BACKEND": "tests.infra.keyrings.FileKeyring",
            "TEST_KEYRING": str(folder / "keyring.json"),
            "HOME": str(folder / "nobody"),
            "XDG_DATA_HOME": str(folder / "nobody"),
        }
        _, _, program, shift, *_ = world.command()
        self.program = ["-m", program, shift]

    def words(self, typed: Typed) -> list[str]:
        real = {"C:\\迅投MiniQMT\\userdata_mini": str(self.world.terminal.userdata)}
        words = typed.command.replace("\\", "\\\\")
        return [real.get(word, word) for word in shlex.split(words)[1:]]

    def follow(self, typed: Typed) -> str:
        words = self.words(typed)
        if typed.keys:
            return self._press(words, typed.keys)
        if words == ["run"]:
            return self._run()
        answers = [PASSWORD if answer == "(your password)" else answer for answer in typed.answers]
        done = subprocess.run(
            [sys.executable, *self.program, *words],
            cwd=self.home,
            env=self.environment,
            input="".join(f"{answer}\n" for answer in answers),
            capture_output=True,
            encoding="utf-8",
            timeout=90,
        )
        allowed = EXPECTED.get(typed.command, (0,))
        assert done.returncode in allowed, f"{typed.command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def _press(self, words: list[str], keys: tuple[tuple[str, str], ...]) -> str:
        with PtyApp(words, 160, 45, program=self.program, environment=self.environment, folder=self.home) as app:
            app.wait_for(r"\[1 Home\]")
            app.wait_for("SANDBOX" if words else r"FactorCat +ok")
            for key, seen in keys:
                app.press(KEYS.get(key, key))
                if seen == "the end":
                    assert app.exit_code() == 0
                else:
                    app.wait_for(_literally(seen))
            return app.text

    def _run(self) -> str:
        program = subprocess.Popen(
            [sys.executable, *self.program, "run"],
            cwd=self.home,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert program.stderr is not None
        said = ""
        for line in program.stderr:
            said += line
            if "rotor runs (live" in line:
                program.send_signal(signal.SIGINT)
        program.communicate(timeout=30)
        assert program.returncode == 0, said
        return said


def _literally(seen: str) -> str:
    return "".join(f"\\{letter}" if letter in "[]?.()" else letter for letter in seen)


def test_the_first_day_page_can_be_followed_literally(tmp_path: Path) -> None:
    listed = bonds(4)
    with ProcessWorld(tmp_path) as world:
        world.furnish(listed)
        world.platform.listed = listed
        trader = Trader(world, tmp_path)
        told = [(typed.command, trader.follow(typed)) for typed in PAGE]
        held = world.held()
        orders = world.control.requests()
    assert not (tmp_path / "nobody").exists()  # everything is in the folder of the first line
    outputs = dict(told)
    assert (USER, ACCOUNT) == ("trader", "8880001")  # the page's examples
    assert [command for command, _ in told if command == "rotor doctor"] == ["rotor doctor"] * 3
    assert "Something has failed" not in "".join(text for command, text in told if command == "rotor doctor")
    assert f"history_id = {RECORD}" in (trader.home / "config.toml").read_text("utf-8")
    assert f"strategy_id = {STRATEGY}" in (trader.home / "config.toml").read_text("utf-8")
    assert "passed" in outputs["rotor self-test"]
    assert held == dict.fromkeys(listed, 90)  # the first real orders, and nothing else stayed
    assert len(orders) == len(listed) + 2  # with the self-test's two
    assert PASSWORD not in "".join(
        file.read_text("utf-8", "replace") for file in trader.home.rglob("*") if file.is_file()
    )
