"""In Chinese no screen, dialog, command or message asks its reader for English."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.i18n import language, use_language
from core.infra.logs import part_of
from core.model.finding import CHECK_NAMES
from core.model.snapshot import HEALTH_NAMES
from tests.language.catalogue import ROOT, kept, messages, source_of, translation
from tests.language.chinese import (
    OUTPUT,
    SCREEN,
    SENTENCE,
    SETTINGS,
    commands_of,
    latin_words,
    words_of_actions,
    words_of_help,
    words_of_screens,
    words_of_translation,
)
from tests.tui.pictures import SCREENS, STATES
from tests.tui.screen import LARGE, SMALL
from tui.actions import PANES
from tui.cli.main import main
from tui.screens.log import shown_part

MEANT = {
    "plam": ["plan"],  # the nearest command
    "settle": ["ORDER", "filled", "dead"],
    "export": ["orders", "fills", "ledger", "equity", "flows"],
    "flows": ["AMOUNT"],
    "config": ["STOCK"],
    "secret": ["factorcat", "email", "push"],
}
"""What an error names to be typed: arguments and what they are chosen from."""


@pytest.fixture(autouse=True)
def _english_again(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.delenv("LANGUAGE", raising=False)
    yield
    use_language("en")


def test_every_screen_is_one_that_is_looked_at() -> None:
    assert set(SCREENS) == {pane.id for pane in PANES}


@pytest.mark.parametrize("size", [pytest.param(SMALL, marks=pytest.mark.slow), LARGE], ids=str)
@pytest.mark.parametrize(
    "state", [state if state == "normal" else pytest.param(state, marks=pytest.mark.slow) for state in STATES]
)
async def test_screens_are_chinese(state: str, size: tuple[int, int]) -> None:
    found = await words_of_screens(state, size)
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.slow
@pytest.mark.parametrize("screen", [*SCREENS, "app"])
async def test_what_an_action_shows_is_chinese(screen: str) -> None:
    found = await words_of_actions(screen)
    assert {name: words for name, words in found.items() if words} == {}


def test_every_part_that_logs_has_a_chinese_name() -> None:
    use_language("zh")
    modules = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for package in ("core", "tui")
        for file in (ROOT / package).rglob("*.py")
        if "getLogger(__name__)" in file.read_text("utf-8")
    }
    parts = {part_of(module) for module in modules}
    assert "trading" in parts
    assert {part for part in parts - {"akshare"} if shown_part(part) == part} == set()


@pytest.mark.parametrize(
    ("words", "command"), [pytest.param(*one, id="-".join(one[0]) or "rotor") for one in commands_of(main)]
)
def test_help_is_chinese(words: tuple[str, ...], command: Any) -> None:
    shown = CliRunner().invoke(main, [*words, "--help"], prog_name="rotor").output
    assert "\u7528\u6cd5\uff1a" in shown
    assert words_of_help(command, shown) == []


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
        pytest.param(["rehearse", "--from", "2026-05-01"], marks=pytest.mark.slow),
        ["rebalance", "--json"],
    ],
    ids=" ".join,
)
def test_output_is_chinese(arguments: list[str], tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shown = CliRunner().invoke(main, ["--home", str(home), *arguments], prog_name="rotor").output
    shown = shown.replace(str(home), "").replace(str(tmp_path), "")
    mine = {"plam", "jsom", "dreams", "yesterday", "much", "fc", *MEANT.get(arguments[0], ())}
    if "--json" in arguments:
        assert not re.search("[\u4e00-\u9fff]", shown)
    else:
        assert latin_words(shown, OUTPUT if arguments[0] == "config" else SENTENCE, *mine) == []


def test_json_is_english_whatever_the_language(tmp_path: Path) -> None:
    shown = CliRunner().invoke(main, ["--home", str(tmp_path), "doctor", "--json"]).output
    assert not re.search("[\u4e00-\u9fff]", shown)
    assert language() == "en"


def test_no_translation_mixes_languages() -> None:
    """Whatever is made with the catalogue is Chinese then: doctor, notifications, validators, events and errors."""
    told = ((source_of(message).name, translation(message)) for message in _all())
    found = {name: words for name, text in told if (words := words_of_translation(name, text))}
    assert found == {}


def test_names_of_checks_and_connections_are_translated() -> None:
    known = {source_of(message).name for message in _all()}
    assert {f"check|{name}" for name in CHECK_NAMES} | {f"health|{name}" for name in HEALTH_NAMES} <= known


@pytest.mark.parametrize("word", ["price", "list", "plan", "orders", "open", "cost", "never", "buy", "CNY", "report"])
def test_an_english_word_on_a_screen_is_found(word: str) -> None:
    """Also one that is a part of a setting's key or of a command."""
    assert latin_words(f"\u73b0\u4ef7{word} 113052.SH", SCREEN) == [word]
    assert latin_words(f"\u73b0\u4ef7 {word}", SENTENCE) == [word]


def test_names_are_allowed_as_a_whole_and_in_their_place() -> None:
    assert latin_words("\u6309r\u751f\u6210\u8c03\u4ed3\u8ba1\u5212 of 113052.SH, r260506-0001") == ["of"]
    assert latin_words("SANDBOX \u6c99\u76d2 MiniQMT, config.toml, \u8fd0\u884crotor plan") == ["SANDBOX"]
    assert latin_words("buy.amount_type \u6a21\u5f0f mode sandbox", SETTINGS) == []
    assert latin_words("buy.amount_type", SCREEN) == ["amount", "buy", "type"]
    assert latin_words("amount_type buy.amount_types", SETTINGS) == ["amount", "buy", "type", "types"]
    assert latin_words("rotor plan --json\uff0cstops.enabled = false", SENTENCE) == []
    assert latin_words("rotor plans --json", SCREEN) == ["json", "plans"]


def _all() -> list[Any]:
    return list(messages(kept()))
