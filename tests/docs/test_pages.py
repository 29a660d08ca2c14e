"""The pages made from the code are as the code is, links lead somewhere, and what is named exists."""

import importlib.util
import re
import shlex
import shutil
import sys
from pathlib import Path

import click
import pytest

from core.i18n import Language, say
from tests.docs.pages import CHINESE, DOCS, PAGES, ROOT, Typed, made_pages, speaking, typed_in
from tui.actions import PANES
from tui.cli.main import main

_BESIDE_DOCS = {"contributing.md": ROOT / "CONTRIBUTING.md", "changelog.md": ROOT / "CHANGELOG.md"}
"""Pages in Chinese whose English ones are not in docs."""

EVERY = [typed for page in PAGES for typed in typed_in(page)]


@pytest.mark.parametrize(("path", "text"), made_pages().items(), ids=lambda value: getattr(value, "name", ""))
def test_a_page_made_from_the_code_is_up_to_date(path: Path, text: str) -> None:
    assert path.read_text("utf-8") == text, "make it anew: python -m tests.docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_have_targets(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text("utf-8"))
    gone = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert gone == []


@pytest.mark.parametrize("folder", [DOCS, CHINESE], ids=lambda folder: folder.name)
def test_files_named_in_the_code_map_exist(folder: Path) -> None:
    named = re.findall(r"`((?:core|tui|tests|packaging)/[\w/.-]*)`", (folder / "developers.md").read_text("utf-8"))
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(re.findall(r"\(docs/([a-z.A-Z-]+\.md)\)", (ROOT / "README.md").read_text("utf-8")))
    assert linked == {page.name for page in PAGES if page.parent.name == "docs"}


def english_of(page: Path) -> Path:
    """The English page of a Chinese one."""
    return _BESIDE_DOCS.get(page.name, DOCS / page.name)


def untranslated(english: set[str], chinese: set[str]) -> set[str]:
    """Pages without a Chinese one, and Chinese pages without an English one."""
    return english ^ chinese


def shape(page: Path) -> list[str]:
    """The levels of its headings, and what its blocks say to type: without comments, and of keys only these."""
    found: list[str] = []
    kind = ""
    for line in page.read_text("utf-8").splitlines():
        if line.startswith("```"):
            kind = "" if kind else line
            found.append(line)
        elif kind.startswith("```keys"):
            found.append(line.split()[0])
        elif kind:
            found.append(line.partition("  #")[0].rstrip())
        elif heading := re.match("#+ ", line):
            found.append(heading[0])
    return found


def test_every_page_is_there_in_chinese() -> None:
    english = {page.name for page in DOCS.glob("*.md")} - {"README.zh.md"} | set(_BESIDE_DOCS)
    chinese = {page.name for page in CHINESE.glob("*.md")}
    assert untranslated(english, chinese) == set()
    linked = set(re.findall(r"\(zh/([a-z.-]+\.md)\)", (DOCS / "README.zh.md").read_text("utf-8")))
    assert untranslated(english, linked) == set()
    assert "(docs/README.zh.md)" in (ROOT / "README.md").read_text("utf-8")


def test_a_page_without_chinese_is_found() -> None:
    assert untranslated({"a.md", "b.md"}, {"b.md", "c.md"}) == {"a.md", "c.md"}


@pytest.mark.parametrize("page", sorted(CHINESE.glob("*.md")), ids=lambda page: page.name)
def test_a_chinese_page_has_the_headings_and_commands_of_the_english_one(page: Path) -> None:
    def typed(path: Path) -> list[object]:
        return [(_command(one), one.answers, [key for key, _ in one.keys], one.slow) for one in typed_in(path)]

    assert typed(page) == typed(english_of(page))
    assert shape(page) == shape(english_of(page))
    if page.name == "changelog.md":
        assert versions(page) == versions(english_of(page))


def versions(page: Path) -> list[str]:
    """The version of each entry of a changelog, with its date where it was released."""
    return re.findall(r"^## (\[.*?\](?: - [\d-]+)?)", page.read_text("utf-8"), re.MULTILINE)


def test_a_version_that_the_chinese_changelog_lacks_is_found(tmp_path: Path) -> None:
    shorter, later = tmp_path / "shorter.md", tmp_path / "later.md"
    english = english_of(CHINESE / "changelog.md")
    shorter.write_text(english.read_text("utf-8").partition("## [0.1.0]")[0], "utf-8")
    later.write_text(english.read_text("utf-8").replace("2026-11-28", "2026-11-29"), "utf-8")
    assert versions(english)[-1] == "[0.1.0]"
    assert versions(shorter) != versions(english) != versions(later)


def _command(typed: Typed) -> str:
    return typed.command.partition("  #")[0].rstrip()


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        ("# A\n## B\n", True),
        ("# A\n### B\n", False),
        ("# A\n## B\n```\nrun it  # now\n```\n", False),
        ("# A\n\ntext\n\n## C\n", True),
    ],
)
def test_another_shape_of_a_page_is_found(tmp_path: Path, lines: str, seen: bool) -> None:
    english, chinese = tmp_path / "english.md", tmp_path / "chinese.md"
    english.write_text("# One\n\n## Two\n", "utf-8")
    chinese.write_text(lines, "utf-8")
    assert (shape(english) == shape(chinese)) is seen


@pytest.mark.parametrize(("language", "folder"), [("en", DOCS), ("zh", CHINESE)])
def test_there_is_a_picture_of_each_screen_in_each_language(language: Language, folder: Path) -> None:
    for pane in PANES:
        picture = (folder / f"{pane.id}.svg").read_text("utf-8")
        with speaking(language):
            assert f"{pane.key}&#160;{say(pane.title)}" in picture
    assert (folder / "tour.gif").read_bytes().startswith(b"GIF8")


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
