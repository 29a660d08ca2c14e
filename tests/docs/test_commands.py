"""Every command of the documents is run, in the order of its page; those of the first day by a script of their own."""

import itertools
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.docs.pages import PAGES, Typed, typed_in
from tests.terminal.pty_app import PtyApp
from tui.cli.main import main

IN_THE_APP = {("rotor",), ("rotor", "demo")}
GO_ON = {("rotor", "run"), ("rotor", "serve")}
TOLD_WITH = {"rotor export": (0, 1), "rotor rebalance": (0, 1), "rotor stop": (0, 3), "rotor restore 20": (1,)}
"""Exit codes that a fresh sandbox may give: nothing was traded yet; not every leg found a seller; no engine runs; there
is no backup of that day."""


def of_page(page: Path) -> list[Typed]:
    return [typed for typed in typed_in(page) if not typed.slow]


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if of_page(page) and page.name not in ("first-day.md", "README.zh.md")],
    ids=lambda page: page.name,
)
def test_the_commands_in_the_documents_work(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("ROTOR_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    for typed in of_page(page):
        words = tuple(shlex.split(typed.command))
        assert words[0] == "rotor", typed.command
        if words in GO_ON:
            continue  # begun and ended with a signal in tests/live and tests/cli/test_web_view.py
        if words in IN_THE_APP:
            _open_and_leave(words[1:], tmp_path)
            continue
        done: Any = runner.invoke(main, list(words[1:]), input="\n".join(typed.answers) + "\n")
        allowed = next((codes for name, codes in TOLD_WITH.items() if typed.command.startswith(name)), (0,))
        assert done.exit_code in allowed, f"{typed.command}: {done.exit_code}\n{done.output}"


def _open_and_leave(arguments: tuple[str, ...], folder: Path) -> None:
    with PtyApp(["--home", str(folder / "app"), *arguments]) as app:
        app.wait_for("SANDBOX")
        app.wait_for(r"\[1 Home\]")
        app.press("q")
        app.wait_for(r"Quit anyway\?")
        app.press("y")
        assert app.exit_code() == 0


def test_both_readmes_have_the_same_commands() -> None:
    pages = {page.name: of_page(page) for page in PAGES}
    both = itertools.zip_longest(pages["README.md"], pages["README.zh.md"])
    assert [(one and one.command, two and two.command) for one, two in both] == [
        (one.command, one.command) for one in pages["README.md"]
    ]
