"""The pages made from the code are as the code is, links lead somewhere, and what is named exists."""

import importlib.util
import re
import shlex
import shutil
import sys
from pathlib import Path

import click
import pytest

from tests.docs.pages import CHINESE, PAGES, PICTURES, ROOT, made_pages, typed_in
from tui.cli.main import main

EVERY = [typed for page in PAGES for typed in typed_in(page)]


@pytest.mark.parametrize(("path", "text"), made_pages().items(), ids=lambda value: getattr(value, "name", ""))
def test_a_page_made_from_the_code_is_up_to_date(path: Path, text: str) -> None:
    assert path.read_text("utf-8") == text, "make it anew: python -m tests.docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_have_targets(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text("utf-8"))
    gone = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert gone == []


def test_files_named_in_the_code_map_exist() -> None:
    named = re.findall(
        r"`((?:core|tui|tests|packaging)/[\w/.-]*)`", (ROOT / "docs" / "developers.md").read_text("utf-8")
    )
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(re.findall(r"\(docs/([a-z.A-Z-]+\.md)\)", (ROOT / "README.md").read_text("utf-8")))
    assert linked == {page.name for page in PAGES if page.parent.name == "docs"}


def test_every_page_for_users_is_there_in_chinese() -> None:
    english = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.zh.md", "developers.md", "design.md"}
    assert {page.name for page in CHINESE.glob("*.md")} == english
    linked = set(re.findall(r"\(zh/([a-z.-]+\.md)\)", (ROOT / "docs" / "README.zh.md").read_text("utf-8")))
    assert linked == english


@pytest.mark.parametrize("page", sorted(CHINESE.glob("*.md")), ids=lambda page: page.name)
def test_a_chinese_page_has_the_commands_and_keys_of_the_english_one(page: Path) -> None:
    def typed(path: Path) -> list[object]:
        return [(one.command, one.answers, [key for key, _ in one.keys], one.slow) for one in typed_in(path)]

    def sections(path: Path) -> int:
        return len(re.findall("^## ", path.read_text("utf-8"), re.MULTILINE))

    assert typed(page) == typed(ROOT / "docs" / page.name)
    assert sections(page) == sections(ROOT / "docs" / page.name)


def test_the_pictures_are_of_the_app() -> None:
    for name in PICTURES:
        assert "</svg>" in (ROOT / "docs" / f"{name}.svg").read_text("utf-8")


def named_commands(page: Path) -> list[str]:
    """Every `rotor …` in backquotes, however it is used."""
    return re.findall(r"`(rotor(?: [^`]*)?)`", page.read_text("utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_documented_command_exists_with_its_options(page: Path) -> None:
    for text in named_commands(page):
        # Tables escape the bar between two words: `halt\\|resume`.
        words = re.sub(r"[\[\]]|\.\.\.", " ", text.replace("\\|", "|")).split()[1:]
        for choice in _choices(words):
            _resolve(choice, text)


def _choices(words: list[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for word in words:
        found = [[*before, one] for before in found for one in word.split("|")]
    return found


def _resolve(words: list[str], text: str) -> None:
    command: click.Command = main
    options = {option for param in main.params for option in param.opts}
    for word in words:
        if word.startswith("-"):
            known = options | {option for param in command.params for option in param.opts} | {"--help", "-h"}
            assert word.partition("=")[0] in known, f"{text}: no option {word}"
        elif isinstance(command, click.Group) and word in command.commands:
            command = command.commands[word]
        elif isinstance(command, click.Group) and command is not main and word.islower():
            raise AssertionError(f"{text}: no command {word}")
    if words and not words[0].startswith("-") and words[0].isalpha():
        assert command is not main, f"{text}: no such command"


@pytest.mark.parametrize("typed", [typed for typed in EVERY if typed.slow], ids=lambda typed: typed.command)
def test_documented_long_checks_exist(typed: object) -> None:
    """These are run by hand, or by .ci/run; here it is seen that they are what they are called."""
    words = shlex.split(typed.command)  # type: ignore[attr-defined]
    if words[:2] == ["python", "-m"]:
        name = words[2]
        spec = importlib.util.find_spec(name)
        assert spec is not None
        if spec.submodule_search_locations is not None and name.startswith("tests"):
            assert importlib.util.find_spec(f"{name}.__main__") is not None
    elif words[0] in {"python", "bash"}:
        assert (ROOT / words[1]).is_file()
    else:
        beside_python = Path(sys.executable).parent
        assert shutil.which(words[0], path=beside_python) is not None


def test_the_readmes_quick_start_is_what_ci_runs() -> None:
    for page in PAGES:
        if not page.name.startswith("README"):
            continue
        text = page.read_text("utf-8")
        assert '\npython -m pip install -e ".[test]" && python -m pytest\n' in text
        assert "\npython -m pip install . && rotor rehearse --top 10 --capital 1000000\n" in text
