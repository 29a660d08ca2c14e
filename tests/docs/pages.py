"""The pages that are made from the code, and what can be typed in all of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from core.infra.config import about, as_toml, setting_fields
from core.model.settings import Settings
from tui.actions import ACTIONS, PANES, actions_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", *sorted(DOCS.glob("*.md")))
_MADE = "<!-- Made from the code by: python -m tests.docs -->\n\n"
PICTURES = ("home", "strategies", "plan", "positions", "orders", "report")
"""The screens of which docs has a picture."""


def made_pages() -> dict[Path, str]:
    return {DOCS / "settings.md": settings_page(), DOCS / "screens.md": screens_page()}


def settings_page() -> str:
    lines = [
        "# Every setting\n",
        _MADE
        + "They stand in the home's `config.toml`, written by `rotor config init`; `rotor config check` names what is "
        "wrong, `rotor config show` what is in force, `rotor config set KEY VALUE` writes one. A variable such as "
        "`ROTOR_BUY__AMOUNT=20000` goes before the file, an option before both. An unknown key is an error that names "
        "the nearest one. The Settings screen (`8`) has them all, each checked as it is typed.",
    ]
    before = None
    for key, field in setting_fields():
        table, _, name = key.rpartition(".")
        if table != before:
            before = table
            lines += [
                f"\n## {f'[{table}]' if table else 'At the top'}\n",
                _doc_of(table),
                "| key | default | what it does |",
                "|---|---|---|",
            ]
        value: object = Settings()
        for part in key.split("."):
            value = getattr(value, part)
        lines.append(f"| `{name}` | `{as_toml(value)}` | {_cell(about(field))} |")
    return "\n".join(line for line in lines if line) + "\n"


def _doc_of(table: str) -> str:
    value: object = Settings()
    for part in table.split(".") if table else ():
        value = getattr(value, part)
    return " ".join((type(value).__doc__ or "").split()) + "\n" if table and isinstance(value, BaseModel) else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def screens_page() -> str:
    lines = [
        "# Every screen\n",
        _MADE
        + "The digits jump between the screens, `?` lists the keys of the one that is shown, `ctrl+p` finds an action "
        "by its name. The header has mode, account, the market's time, every connection, and what comes next; what "
        "must not be overlooked stands in words under it. The pictures are of the sandbox.",
    ]
    for pane in PANES:
        lines.append(f"\n## {pane.key} {pane.title}\n")
        lines.append(pane.about)
        if pane.id in PICTURES:
            lines.append(f"\n![{pane.title}]({pane.id}.svg)")
        lines += ["\n| key | does |", "|---|---|"]
        lines += [f"| `{_cell(action.key_text)}` | {_cell(action.help)} |" for action in actions_of(pane.id)]
    lines += ["\n## Everywhere\n", "| key | does |", "|---|---|"]
    lines += [f"| `{action.key_text}` | {_cell(action.help)} |" for action in ACTIONS if action.pane == "app"]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Typed:
    """A command of a page, what is answered to it, and the keys pressed in it, each with what is shown then."""

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
