"""The catalogue of what screens say: collected from the code, kept beside it as text, and compiled.

`python -m tests.language` brings it up to date; `missing` prints what has no Chinese yet as JSON, and `fill FILE` takes
`{source: translation}` from JSON. Of a sentence with a plural the translation is one text: Chinese has one form.
A source with a context is named `context|source` there, such as "price|Last".
"""

import ast
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from core.infra.config import about, setting_fields
from tui.cli.main import main as commands
from tui.cli.spoken import CLICK_MANY
from tui.cli.spoken import sentences as command_sentences

ROOT = Path(__file__).parents[2]
PO = ROOT / "core" / "locale" / "zh_CN" / "LC_MESSAGES" / "rotor.po"
MO = PO.with_suffix(".mo")
_FORMS = {"say": 1, "mark": 1, "say_many": 2}
"""How many forms of a sentence each takes, before anything else."""
_HEADER = "# 简体中文 for rotor. Made with: python -m tests.language\n"

_ALWAYS = datetime(2026, 1, 1, tzinfo=UTC)
_LOGS = frozenset({"log", "_log"})


class Source(NamedTuple):
    """A sentence of the code: its forms, one or with a plural two, and the context it is said in."""

    forms: tuple[str, ...]
    context: str = ""

    @property
    def name(self) -> str:
        """What it is called in JSON: `context|first form`, without a context the first form."""
        return f"{self.context}|{self.forms[0]}" if self.context else self.forms[0]


@cache
def sources() -> Mapping[str, Source]:
    """Every sentence in the code, by its name."""
    found: dict[str, Source] = {}
    for package in ("core", "tui"):
        for file in sorted((ROOT / package).rglob("*.py")):
            found |= {source.name: source for source in said(file.read_text("utf-8"))}
    found |= {text: Source((text,)) for text in command_sentences(commands)}
    found |= {forms[0]: Source(forms) for forms in CLICK_MANY}
    found |= {about(field): Source((about(field),)) for _, field in setting_fields()}
    return dict(sorted(found.items()))


def said(code: str) -> Iterator[Source]:
    """What `say`, `mark` and `say_many` are called with, also inside an f-string, where Babel does not look.

    What is logged is a screen's event too.
    """
    for call in ast.walk(ast.parse(code)):
        if isinstance(call, ast.Call) and _logs(call):
            texts = [text.value for text in call.args[:2] if isinstance(text, ast.Constant)]
            yield from (Source((text,)) for text in texts if isinstance(text, str) and re.search("[a-z]{2}", text))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _FORMS:
            texts = [str(text.value) for text in call.args[: _FORMS[call.func.id]] if isinstance(text, ast.Constant)]
            if len(texts) == _FORMS[call.func.id]:
                yield Source(tuple(texts), _context(call))


def _context(call: ast.Call) -> str:
    """The context it is said in. One that is not a plain text would be missing in the catalogue."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == "context"]
    return str(ast.literal_eval(given[0])) if given else ""


def _logs(call: ast.Call) -> bool:
    function = call.func
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id in _LOGS


def kept() -> Catalog:
    """The catalogue as it stands in the file; an empty one where there is none."""
    if not PO.is_file():
        return _blank()
    return read_po(io.StringIO(PO.read_text("utf-8")), locale="zh_CN")


def updated(old: Catalog, fresh: dict[str, str] | None = None) -> Catalog:
    """What the code says now, with the translations there are."""
    new = _blank()
    known = {source_of(message).name: translation(message) for message in messages(old)}
    for name, source in sources().items():
        told = (fresh or {}).get(name, known.get(name, ""))
        flags = ("python-brace-format",) if "{" in name else ()
        plural = len(source.forms) > 1
        new.add(
            source.forms if plural else source.forms[0],
            (told,) if plural else told,
            flags=flags,
            context=source.context or None,
        )
    return new


def written(catalogue: Catalog) -> str:
    """The text of the .po file: in order, without dates or places that change by themselves."""
    text = io.BytesIO()
    write_po(text, catalogue, width=0, sort_output=True, omit_header=True)
    head = 'msgid ""\nmsgstr ""\n"Language: zh_CN\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
    return _HEADER + head + '"Plural-Forms: nplurals=1; plural=0;\\n"\n\n' + text.getvalue().decode("utf-8")


def compiled(catalogue: Catalog) -> bytes:
    """The bytes of the .mo file."""
    # The header would hold the minute in which this runs.
    catalogue.creation_date = catalogue.revision_date = _ALWAYS
    binary = io.BytesIO()
    write_mo(binary, catalogue)
    return binary.getvalue()


def translation(message: Message) -> str:
    """The Chinese of a message, "" where there is none."""
    return message.string if isinstance(message.string, str) else message.string[0] if message.string else ""


def messages(catalogue: Catalog) -> Iterator[Message]:
    """Every message but the header."""
    return (message for message in catalogue if message.id)


def source_of(message: Message) -> Source:
    """What a message of the catalogue translates."""
    forms: Any = message.id
    return Source((forms,) if isinstance(forms, str) else tuple(forms), message.context or "")


def missing(catalogue: Catalog) -> list[str]:
    """The names of what has no Chinese."""
    return [source_of(message).name for message in messages(catalogue) if not translation(message)]


def keep(catalogue: Catalog) -> None:
    PO.parent.mkdir(parents=True, exist_ok=True)
    PO.write_text(written(catalogue), encoding="utf-8", newline="\n")
    # Compiled from the text, which is what is read again.
    MO.write_bytes(compiled(kept()))


def _blank() -> Catalog:
    return Catalog(locale="zh_CN", fuzzy=False)


def main(arguments: list[str]) -> None:
    fresh = json.loads(Path(arguments[1]).read_text("utf-8")) if arguments[:1] == ["fill"] else None
    catalogue = updated(kept(), fresh)
    keep(catalogue)
    lacking = missing(catalogue)
    if arguments[:1] == ["missing"]:
        print(json.dumps(lacking, ensure_ascii=False, indent=0))  # noqa: T201
    else:
        print(f"{len(list(messages(catalogue)))} sentences, {len(lacking)} without Chinese")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
