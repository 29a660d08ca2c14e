"""In Chinese no screen, dialog, command or message asks its reader for English."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from core.i18n import language, use_language
from core.model.finding import CHECK_NAMES
from core.model.snapshot import HEALTH_NAMES
from tests.language.catalogue import kept, messages, source_of, translation
from tests.language.chinese import latin_words, words_of_actions, words_of_screen
from tests.tui.pictures import SCREENS, STATES
from tests.tui.screen import LARGE, SMALL
from tui.actions import PANES
from tui.cli.main import main

SPOKEN_BY_THE_LOG = {"executor"}
"""The part of the program that wrote a line of the log file, which is in English."""

STILL_ENGLISH: dict[str, set[str]] = {}
"""Words that are not translated yet, by screen: to be made empty."""


@pytest.fixture(autouse=True)
def _english_again(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.delenv("LANGUAGE", raising=False)
    yield
    use_language("en")


def test_every_screen_is_one_that_is_looked_at() -> None:
    assert set(SCREENS) == {pane.id for pane in PANES}


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("state", STATES)
async def test_screen_is_chinese(screen: str, state: str) -> None:
    for size in (SMALL, LARGE):
        found = set(await words_of_screen(state, screen, size)) - SPOKEN_BY_THE_LOG
        assert found == STILL_ENGLISH.get(screen, set()) & found


@pytest.mark.parametrize("screen", [*SCREENS, "app"])
async def test_what_an_action_shows_is_chinese(screen: str) -> None:
    found = {action: set(words) - SPOKEN_BY_THE_LOG for action, words in (await words_of_actions(screen)).items()}
    assert {action: words for action, words in found.items() if words - STILL_ENGLISH.get(action, set())} == {}


def _commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            if not below.hidden:
                yield from _commands(below, (*words, name))


@pytest.mark.parametrize("words", list(_commands(main)), ids=lambda words: "-".join(words) or "rotor")
def test_help_is_chinese(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(main, [*words, "--help"], prog_name="rotor").output
    assert "\u7528\u6cd5\uff1a" in shown
    assert latin_words(shown) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["plam"],
        ["plan", "--jsom"],
        ["settle"],
        ["export", "dreams"],
        ["demo", "--speed", "9999"],
        ["rehearse", "--from", "yesterday"],
        ["flows", "deposit", "much"],
        ["status"],
        ["config", "check"],
        ["config", "show"],
        ["secret", "list"],
        ["calendar", "show"],
        ["doctor"],
        ["stop"],
        ["restore"],
        ["report"],
        ["logout"],
        ["rehearse", "--from", "2026-05-01"],
        ["rebalance", "--json"],
    ],
    ids=" ".join,
)
def test_output_is_chinese(arguments: list[str], tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shown = CliRunner().invoke(main, ["--home", str(home), *arguments], prog_name="rotor").output
    shown = shown.replace(str(home), "").replace(str(tmp_path), "")
    mine = {"plam", "jsom", "dreams", "yesterday", "much", "fc"}
    if "--json" in arguments:
        assert not re.search("[\u4e00-\u9fff]", shown)
    else:
        assert latin_words(shown, *mine) == []


def test_json_is_english_whatever_the_language(tmp_path: Path) -> None:
    shown = CliRunner().invoke(main, ["--home", str(tmp_path), "doctor", "--json"]).output
    assert not re.search("[\u4e00-\u9fff]", shown)
    assert language() == "en"


def test_no_translation_mixes_languages() -> None:
    """Whatever is made with the catalogue is Chinese then: doctor, notifications, validators, events and errors."""
    told = [(source_of(message).name, re.sub(r"{[^}]*}|%[.\d]*[a-z]", "", translation(message))) for message in _all()]
    found = {name: words for name, text in told if (words := latin_words(text))}
    assert found == {}


def test_names_of_checks_and_connections_are_translated() -> None:
    known = {source_of(message).name for message in _all()}
    assert {f"check|{name}" for name in CHECK_NAMES} | {f"health|{name}" for name in HEALTH_NAMES} <= known


def test_an_english_word_is_found() -> None:
    assert latin_words("\u6309r\u751f\u6210\u8c03\u4ed3\u8ba1\u5212 of 113052.SH, r260506-0001") == ["of"]
    assert latin_words("SANDBOX \u6c99\u76d2 stops.enabled = false, MiniQMT, --json") == ["SANDBOX"]


def _all() -> list[Any]:
    return list(messages(kept()))
