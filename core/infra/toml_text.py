"""TOML as people write it and as rotor writes it back."""

import json
import re
import sys
import tomllib
from collections.abc import Mapping, MutableMapping, Sequence
from decimal import Decimal
from typing import Any, cast

from pydantic import BaseModel

from core.model.setting_types import is_plain
from core.rules.spellings import in_ascii

_LINE = re.compile(r"at line (\d+)")
_PIECE = re.compile(
    r"""(?P<kept>"(?:[^"\\]|\\.)*"|'[^']*'|\#.*)|[“”„＂](?P<text>[^“”＂]*)[“”＂]|[^"'\#“”„＂]+|.""", re.DOTALL
)
"""A string or a note, a string between full-width quotation marks, or what is between those."""


def mended(text: str) -> str:
    """The text as TOML; in lines that it does not take, full-width characters outside of strings become ASCII.

    Raises `tomllib.TOMLDecodeError` for a line that is not clear even so.
    """
    lines = text.split("\n")
    while True:
        try:
            parsed("\n".join(lines))
        except tomllib.TOMLDecodeError as error:
            place = _LINE.search(str(error))
            number = int(place[1]) - 1 if place else 0
            changed = _PIECE.sub(_in_ascii, lines[number]) if place else lines[number]
            if changed == lines[number]:
                raise
            lines[number] = changed
        else:
            return "\n".join(lines)


def _in_ascii(match: re.Match[str]) -> str:
    if match["text"] is not None:
        return as_toml(match["text"])
    return match["kept"] or in_ascii(match[0])


def parsed(text: str) -> dict[str, Any]:
    return tomllib.loads(text.replace("\r\n", "\n"))


def as_toml(value: object) -> str:
    """A value as the file holds it."""
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}" if is_plain(value) else str(value)
        case int() if abs(value) > sys.maxsize:
            return hex(value)  # Python writes no more than 4,300 decimal digits
        case int() | float():
            return str(value)
        case str():
            literal = "\\" in value and "'" not in value and value.isprintable()
            return f"'{value}'" if literal else json.dumps(value, ensure_ascii=False)
        case tuple() | list():
            return f"[{', '.join(as_toml(item) for item in cast('Sequence[object]', value))}]"
        case BaseModel():
            return f"{{ {', '.join(f'{name} = {as_toml(item)}' for name, item in value)} }}"
        case _:
            return json.dumps(str(value), ensure_ascii=False)


def with_changes(text: str, leaves: Mapping[str, Any]) -> str:
    """The text with these keys, by dotted name, set to these values; the rest stays as it is, notes included."""
    import tomlkit

    document = cast("MutableMapping[str, Any]", tomlkit.parse(text))
    for key, value in leaves.items():
        *tables, name = key.split(".")
        table = document
        for part in tables:
            if part not in table:
                table[part] = tomlkit.table()
            table = table[part]
        table[name] = tomlkit.value(as_toml(value))
    return tomlkit.dumps(cast("Mapping[str, Any]", document))
