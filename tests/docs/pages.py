"""The pages that are made from the code, and the commands in all pages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from core.infra.config import about, setting_fields
from core.infra.toml_text import as_toml
from core.model.settings import Settings
from tui.actions import ACTIONS, PANES, actions_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", *sorted(DOCS.glob("*.md")))
_MADE = "<!-- Made from the code by: python -m tests.docs -->\n\n"
PICTURES = ("home", "strategies", "plan", "positions", "orders", "report")
"""The screens with a picture in docs."""


def made_pages() -> dict[Path, str]:
    return {DOCS / "settings.md": settings_page(), DOCS / "screens.md": screens_page()}


def settings_page() -> str:
    lines = [
        "# Every setting\n",
        _MADE + "The settings are in `config.toml` in the data folder. `rotor config init` writes it, `rotor config "
        "check` lists problems, `rotor config show` prints the settings in force, and `rotor config set KEY "
        "VALUE` writes one. A variable such as `ROTOR_BUY__AMOUNT=20000` overrides the file, an option overrides "
        "both. An unknown key is an error that names the nearest key. The Settings screen (`8`) shows all of them"
        " and checks what you type.",
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
        + "Digits switch screens, `?` lists the keys of the current screen, `ctrl+p` finds an action by name. The "
        "header shows the mode, the account, the market's time, every connection and what comes next, with "
        "warnings below it. The pictures show the sandbox.",
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
