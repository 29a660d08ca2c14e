"""Values of the vocabulary as JSON and back: what goes between an engine and a viewer in another process.

Only classes of `core.model` are made from what comes in, by name; everything else is refused.
"""

import dataclasses
import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, cast

from pydantic import BaseModel

import core.model
from core.infra.clock import SHANGHAI
from core.model.bond import BondCode
from core.model.command import (
    CheckSetting,
    Command,
    Examine,
    FindInLog,
    ListRecords,
    ListStrategies,
    ReadLog,
    ReadOrders,
    ReadReport,
    ReadSettings,
    ShowBond,
    ShowRecord,
)
from core.model.errors import InvalidDataError
from core.model.known import Known
from core.model.snapshot import Snapshot


class ProtocolError(InvalidDataError, ValueError):
    """What came in is not what this version of the vocabulary writes."""


def written(value: object) -> bytes:
    """The value as one line of JSON."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def read(line: bytes) -> Any:  # noqa: ANN401  (whatever was written)
    """The value of a line. Raises `ProtocolError`."""
    try:
        return _made(json.loads(line))
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise ProtocolError(f"{type(error).__name__}: {error}") from None


@cache
def classes() -> Mapping[str, type]:
    """Every class of the vocabulary by its name."""
    found: dict[str, type] = {}
    for module in pkgutil.iter_modules(core.model.__path__):
        held = vars(importlib.import_module(f"core.model.{module.name}")).values()
        kinds = [kind for kind in held if isinstance(kind, type) and kind.__module__.startswith("core.model.")]
        found.update((kind.__name__, kind) for kind in kinds)
    return found


def _plain(value: object) -> object:
    for kind, tag, text in _SCALARS:
        if isinstance(value, kind):
            return {tag: text(value)}
    if isinstance(value, Enum):
        return {"enum": type(value).__name__, "value": value.value}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, BaseModel):
        fields = {name: _plain(getattr(value, name)) for name in type(value).model_fields}
        return {"made": type(value).__name__, "of": fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"made": type(value).__name__, "of": fields}
    if isinstance(value, Mapping):
        return {"map": [[_plain(key), _plain(item)] for key, item in cast("Mapping[object, object]", value).items()]}
    if isinstance(value, tuple):
        return {"tuple": [_plain(item) for item in cast("tuple[object, ...]", value)]}
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[object]", value)]
    raise TypeError(f"{type(value).__name__} does not go over the wire")


_SCALARS: tuple[tuple[type, str, Callable[[Any], str]], ...] = (
    (BondCode, "bond", str),
    (Decimal, "decimal", str),
    (datetime, "time", datetime.isoformat),
    (date, "date", date.isoformat),
)


def _made(plain: Any) -> Any:  # noqa: ANN401  (JSON)
    if isinstance(plain, list):
        return [_made(item) for item in cast("list[Any]", plain)]
    if not isinstance(plain, dict):
        return plain
    return _tagged(cast("dict[str, Any]", plain))


def _tagged(plain: dict[str, Any]) -> Any:  # noqa: ANN401  (JSON)
    match plain:
        case {"made": name, "of": fields}:
            return classes()[name](**{field: _made(value) for field, value in fields.items()})
        case {"enum": name, "value": value}:
            return classes()[name](value)
        case {"tuple": items}:
            return tuple(_made(item) for item in items)
        case {"map": pairs}:
            return {_made(key): _made(value) for key, value in pairs}
        case {"bond": text}:
            return BondCode(text)
        case {"decimal": text}:
            return Decimal(text)
        case {"time": text}:
            return datetime.fromisoformat(text).astimezone(SHANGHAI)
        case {"date": text}:
            return date.fromisoformat(text)
        case _:
            raise ProtocolError(f"an object without a known mark: {sorted(plain)}")


PROTOCOL = 2
"""Grows when what goes over the wire changes: engine and viewer have to speak the same."""

ONLY_LOOKS: tuple[type[Command[Any]], ...] = (
    CheckSetting,
    Examine,
    FindInLog,
    ListRecords,
    ListStrategies,
    ReadLog,
    ReadOrders,
    ReadReport,
    ReadSettings,
    ShowBond,
    ShowRecord,
)
"""What a viewer that only watches may ask. No plan: a newer one would take the place of the one that somebody is about
to carry out."""


class BadHandshake(InvalidDataError, ValueError):
    """What came first is no greeting."""


@dataclass(frozen=True, slots=True)
class ClientHello:
    """A viewer's first line. `watch`: it only looks."""

    key: str
    protocol: int
    version: str
    watch: bool = False

    def line(self) -> bytes:
        told = {"key": self.key, "protocol": self.protocol, "version": self.version, "watch": self.watch}
        return json.dumps(told).encode("ascii") + b"\n"


@dataclass(frozen=True, slots=True)
class ServerHello:
    """The engine's first line: who it is, or, in `refused`, why this viewer is let in to nothing."""

    version: str
    protocol: int
    pid: int
    since: str
    refused: str = ""

    def line(self) -> bytes:
        told = {name: getattr(self, name) for name in ("version", "protocol", "pid", "since", "refused")}
        return json.dumps(told).encode("ascii") + b"\n"


def read_greeting(line: bytes) -> ClientHello:
    """Raises `BadHandshake`."""
    told = _object(line)
    try:
        return ClientHello(
            str(told["key"]), int(told["protocol"]), str(told["version"]), bool(told.get("watch", False))
        )
    except (KeyError, TypeError, ValueError):
        raise BadHandshake("it is no greeting") from None


def read_welcome(line: bytes) -> ServerHello:
    """Raises `BadHandshake`."""
    told = _object(line)
    try:
        return ServerHello(
            str(told["version"]), int(told["protocol"]), int(told["pid"]), str(told["since"]), str(told["refused"])
        )
    except (KeyError, TypeError, ValueError):
        raise BadHandshake("it is no welcome") from None


def _object(line: bytes) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        raise BadHandshake("it is no JSON") from None
    if not isinstance(told, dict):
        raise BadHandshake("it is no object")
    return cast("dict[str, Any]", told)


_FIELDS = tuple(field.name for field in dataclasses.fields(Snapshot))

_MOST_SHIFT = 20
"""How many rows a list may have lost at its beginning to still count as the one before."""

_MISSING = object()

Rows = tuple[Any, ...]


class SnapshotDeltas:
    """The newest picture as lines for viewers. Belongs to one thread."""

    def __init__(self) -> None:
        self._newest: Snapshot | None = None
        self._before: int | None = None
        self._change: bytes = b""
        self._whole: bytes | None = None

    @property
    def number(self) -> int | None:
        """Of the newest picture, None before the first."""
        return None if self._newest is None else self._newest.number

    def take(self, shown: Snapshot) -> None:
        """A newer picture."""
        before, self._newest, self._whole = self._newest, shown, None
        self._before = None if before is None else before.number
        self._change = b"" if before is None else written({"change": changed(before, shown)})

    def line_for(self, has: int | None) -> bytes:
        """For a viewer that has the picture of this number: what has changed since, or the whole."""
        if self._newest is None or has == self._newest.number:
            return b""
        if has is not None and has == self._before:
            return self._change
        if self._whole is None:
            self._whole = written({"snapshot": self._newest})
        return self._whole


def changed(before: Snapshot, after: Snapshot) -> dict[str, dict[str, Any]]:
    """The fields that differ, by name, each with how: `to` the new value, `rows` some of its rows, or `more` rows."""
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in _FIELDS)
    # Tuples compare by identity first: what was not made anew costs nothing.
    return {name: _difference(old, new) for name, old, new in pairs if new is not old and new != old}


def with_change(before: Snapshot, change: Mapping[str, Mapping[str, Any]]) -> Snapshot:
    """The picture after. Raises `TypeError`, `ValueError` or `LookupError` for a change that does not fit."""
    made = {name: _applied(getattr(before, name, _MISSING), how) for name, how in change.items()}
    return dataclasses.replace(before, **made)


def _difference(old: object, new: object) -> dict[str, Any]:
    if isinstance(old, Known) and isinstance(new, Known):
        inside = _rows_difference(cast("Known[Any]", old).value, cast("Known[Any]", new).value)
        return {"to": cast("Any", new)} if inside is None else {"known": inside}
    return _rows_difference(cast("object", old), new) or {"to": new}


def _rows_difference(old: object, new: object) -> dict[str, Any] | None:
    """How the rows differ, None where these are no rows or most of them do."""
    if not isinstance(old, tuple) or not isinstance(new, tuple):
        return None
    before, after = cast("Rows", old), cast("Rows", new)
    if len(before) == len(after):
        rows = [(index, row) for index, row in enumerate(after) if row is not before[index] and row != before[index]]
        if len(rows) * 2 < len(after):
            return {"rows": rows}
    for lost in range(min(_MOST_SHIFT, len(before))):
        kept = len(before) - lost
        if kept <= len(after) and before[lost:] == after[:kept]:
            return {"lost": lost, "more": list(after[kept:])}
    return None


def _applied(old: Any, how: Mapping[str, Any]) -> Any:  # noqa: ANN401  (whatever the field holds)
    if "known" in how:
        return Known(_applied(old.value, how["known"]))
    if "to" in how:
        return how["to"]
    if "rows" in how:
        rows = list(old)
        for index, row in how["rows"]:
            rows[index] = row
        return tuple(rows)
    return (*old[how["lost"] :], *how["more"])
