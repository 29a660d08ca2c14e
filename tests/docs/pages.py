"""The pages that are made from the code, and the commands in all pages."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from core.i18n import Language, language, say, use_language
from core.infra.config import about, setting_fields
from core.infra.toml_text import as_toml
from core.model.settings import Settings
from tests.docs.words import IN_CHINESE, IN_ENGLISH, Words
from tui.actions import ACTIONS, PANES, actions_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CHINESE = DOCS / "zh"
PAGES = (ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted(CHINESE.glob("*.md")))
_MADE = "<!-- Made from the code by: python -m tests.docs -->\n\n"


def made_pages() -> dict[Path, str]:
    return {
        DOCS / "settings.md": settings_page(IN_ENGLISH),
        DOCS / "screens.md": screens_page(IN_ENGLISH),
        CHINESE / "settings.md": settings_page(IN_CHINESE),
        CHINESE / "screens.md": screens_page(IN_CHINESE),
    }


def settings_page(words: Words) -> str:
    with speaking(words.language):
        lines = [f"# {words.settings}\n", _MADE + words.settings_about]
        before = None
        for key, field in setting_fields():
            table, _, name = key.rpartition(".")
            if table != before:
                before = table
                lines += [
                    f"\n## {f'[{table}]' if table else words.at_the_top}\n",
                    words.tables.get(table, _doc_of(table)) + "\n" if table else "",
                    words.settings_head,
                    "|---|---|---|",
                ]
            value: object = Settings()
            for part in key.split("."):
                value = getattr(value, part)
            lines.append(f"| `{name}` | `{as_toml(value)}` | {_cell(say(about(field)))} |")
        return "\n".join(line for line in lines if line) + "\n"


def _doc_of(table: str) -> str:
    value: object = Settings()
    for part in table.split("."):
        value = getattr(value, part)
    return " ".join((type(value).__doc__ or "").split()) if isinstance(value, BaseModel) else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def screens_page(words: Words) -> str:
    with speaking(words.language):
        lines = [f"# {words.screens}\n", _MADE + words.screens_about]
        for pane in PANES:
            lines.append(f"\n## {pane.key} {say(pane.title)}\n")
            lines.append(say(pane.about))
            lines.append(f"\n![{say(pane.title)}]({pane.id}.svg)")
            lines += [f"\n{words.keys_head}", "|---|---|"]
            lines += [f"| `{_cell(action.key_text)}` | {_cell(say(action.help))} |" for action in actions_of(pane.id)]
        lines += [f"\n## {words.everywhere}\n", words.keys_head, "|---|---|"]
        lines += [f"| `{action.key_text}` | {_cell(say(action.help))} |" for action in ACTIONS if action.pane == "app"]
        return "\n".join(lines) + "\n"


@contextmanager
def speaking(wanted: Language) -> Iterator[None]:
    """Sentences are made in this language meanwhile."""
    before = language()
    use_language(wanted)
    try:
        yield
    finally:
        use_language(before)


@dataclass(frozen=True)
class Typed:
    """A command of a page, the answers to it, and the keys to press, each with what the screen shows then."""

    page: str
    command: str
    answers: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    slow: bool = False


_BLOCK = re.compile(r"^```(console|keys)( slow)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_KEY = re.compile(r"^(\S+)\s{2,}.*?\s+(?:shows: |显示：)(.+)$")


def typed_in(page: Path) -> list[Typed]:
    """Every command of a page, in order."""
    found: list[Typed] = []
    for kind, slow, body in _BLOCK.findall(page.read_text("utf-8")):
        if kind == "keys":
            last = found.pop()
            found.append(Typed(last.page, last.command, last.answers, tuple(_keys(body)), last.slow))
            continue
        for line in body.splitlines():
            if line.startswith("$ "):
                found.append(Typed(page.name, line[2:], slow=bool(slow)))
            elif line.startswith("> "):
                last = found.pop()
                found.append(Typed(last.page, last.command, (*last.answers, line[2:]), slow=last.slow))
    return found


def _keys(body: str) -> Iterator[tuple[str, str]]:
    for line in body.splitlines():
        parsed = _KEY.match(line)
        if parsed is None:
            raise ValueError(f"not a line of keys: {line}")
        yield parsed[1], parsed[2].strip()
