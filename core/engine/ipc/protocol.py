"""What the engine and a viewer in another process send each other: one JSON object per line, over loopback TCP.

Values of `core.model` are encoded with their class name; decoding makes instances of those classes only and refuses
everything else.

Codec and line framing are rotor's own. aiohttp's websockets would add about 0.3 s of import to each start and need an
event loop in the client, which runs in a plain thread. pydantic's `TypeAdapter` needs the expected type of a message,
while here any value (BondCode, Decimal, Known or Unknown) is sent by its class name, without a schema per class.
"""

import dataclasses
import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

import core.model
from core.model.bond import BondCode
from core.model.errors import InvalidDataError
from core.model.known import Known
from core.model.snapshot import Snapshot
from core.model.time import SHANGHAI

T = TypeVar("T")


class ProtocolError(InvalidDataError):
    """A message that this version cannot decode."""


def encode(value: object) -> bytes:
    """The value as one line of JSON. Raises `TypeError` for a type that the protocol does not know."""
    return json.dumps(_encoded(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def decode(line: bytes) -> Any:  # noqa: ANN401  (any value)
    """The value of a line. Raises `ProtocolError`."""
    try:
        return _decoded(json.loads(line))
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
        raise ProtocolError(f"{type(error).__name__}: {error}") from None


@cache
def classes() -> Mapping[str, type]:
    """Every class of `core.model` by its name."""
    found: dict[str, type] = {}
    for module in pkgutil.iter_modules(core.model.__path__):
        held = vars(importlib.import_module(f"core.model.{module.name}")).values()
        kinds = [kind for kind in held if isinstance(kind, type) and kind.__module__.startswith("core.model.")]
        found.update((kind.__name__, kind) for kind in kinds)
    return found


def _encoded(value: object) -> object:
    for kind, tag, text in _SCALARS:
        if isinstance(value, kind):
            return {tag: text(value)}
    if isinstance(value, Enum):
        return {"enum": type(value).__name__, "value": value.value}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, BaseModel):
        fields = {name: _encoded(getattr(value, name)) for name in type(value).model_fields}
        return {"made": type(value).__name__, "of": fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _encoded(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"made": type(value).__name__, "of": fields}
    if isinstance(value, Mapping):
        return {
            "map": [[_encoded(key), _encoded(item)] for key, item in cast("Mapping[object, object]", value).items()]
        }
    if isinstance(value, tuple):
        items = cast("tuple[object, ...]", value)
        if len(items) > 1 and all(item is None or isinstance(item, Decimal) for item in items):
            return {"decimals": [None if item is None else str(item) for item in items]}
        return {"tuple": [_encoded(item) for item in cast("tuple[object, ...]", value)]}
    if isinstance(value, list):
        return [_encoded(item) for item in cast("list[object]", value)]
    raise TypeError(f"{type(value).__name__} cannot be sent")


_SCALARS: tuple[tuple[type, str, Callable[[Any], str]], ...] = (
    (BondCode, "bond", str),
    (Decimal, "decimal", str),
    (datetime, "time", datetime.isoformat),
    (date, "date", date.isoformat),
)


def _decoded(plain: Any) -> Any:  # noqa: ANN401  (JSON)
    if isinstance(plain, list):
        return [_decoded(item) for item in cast("list[Any]", plain)]
    if not isinstance(plain, dict):
        return plain
    return _decoded_object(cast("dict[str, Any]", plain))


def _decoded_object(plain: dict[str, Any]) -> Any:  # noqa: ANN401  (JSON)
    match plain:
        case {"made": name, "of": fields}:
            return classes()[name](**{field: _decoded(value) for field, value in fields.items()})
        case {"enum": name, "value": value}:
            return classes()[name](value)
        case {"tuple": items}:
            return tuple(_decoded(item) for item in items)
        case {"decimals": texts}:
            return tuple(None if text is None else Decimal(text) for text in texts)
        case {"map": pairs}:
            return {_decoded(key): _decoded(value) for key, value in pairs}
        case {"bond": text}:
            return BondCode(text)
        case {"decimal": text}:
            return Decimal(text)
        case {"time": text}:
            return datetime.fromisoformat(text).astimezone(SHANGHAI)
        case {"date": text}:
            return date.fromisoformat(text)
        case _:
            raise ProtocolError(f"an object without a known tag: {sorted(plain)}")


PROTOCOL = 10
"""Increased with every change of the messages or the classes in them: engine and viewer must have the same."""


class BadHandshake(InvalidDataError):
    """The first line of a connection is not a valid handshake."""


class Refusal(StrEnum):
    """Why the engine rejects a viewer."""

    WRONG_KEY = "wrong key"
    OTHER_VERSION = "other version"
    TOO_MANY = "too many viewers"


@dataclass(frozen=True, slots=True)
class ClientHello:
    """A viewer's first line. `watch`: it may only send a `Query`."""

    key: str
    protocol: int
    version: str
    watch: bool = False

    def line(self) -> bytes:
        return json.dumps(dataclasses.asdict(self)).encode("ascii") + b"\n"


@dataclass(frozen=True, slots=True)
class ServerHello:
    """The engine's first line. `refusal`: it rejects this viewer, None if not; `refused`: why, for people."""

    version: str
    protocol: int
    pid: int
    since: str
    refused: str = ""
    refusal: Refusal | None = None

    def line(self) -> bytes:
        return json.dumps(dataclasses.asdict(self)).encode("ascii") + b"\n"


_CLIENT_HELLO, _SERVER_HELLO = TypeAdapter(ClientHello), TypeAdapter(ServerHello)


def read_client_hello(line: bytes) -> ClientHello:
    """Raises `BadHandshake`."""
    return _read(_CLIENT_HELLO, line)


def read_server_hello(line: bytes) -> ServerHello:
    """Raises `BadHandshake`."""
    hello = _read(_SERVER_HELLO, line)
    if hello.refusal is None and hello.protocol != PROTOCOL:  # older engines send the sentence only
        return dataclasses.replace(hello, refusal=Refusal.OTHER_VERSION)
    return hello


def _read(kind: TypeAdapter[T], line: bytes) -> T:
    try:
        return kind.validate_json(line)
    except ValidationError:
        raise BadHandshake("it is not the first line of this protocol") from None


_FIELDS = tuple(field.name for field in dataclasses.fields(Snapshot))

_MAX_GONE_ROWS = 20
"""A list that lost more rows than this is sent whole."""

_MISSING = object()

Rows = tuple[Any, ...]


class SnapshotDeltas:
    """Encodes the newest snapshot, whole or as a change, once for all viewers. Not thread-safe."""

    def __init__(self) -> None:
        self._newest: Snapshot | None = None
        self._previous: int | None = None
        self._change_line: bytes = b""
        self._whole_line: bytes | None = None

    @property
    def number(self) -> int | None:
        """Number of the newest snapshot, None before the first."""
        return None if self._newest is None else self._newest.number

    def update(self, snapshot: Snapshot) -> None:
        """Replace the newest snapshot."""
        before, self._newest, self._whole_line = self._newest, snapshot, None
        self._previous = None if before is None else before.number
        self._change_line = b"" if before is None else encode({"change": changed(before, snapshot)})

    def line_for(self, has: int | None) -> bytes:
        """For a viewer that has snapshot `has`: nothing if it is the newest, else the change or the whole snapshot."""
        if self._newest is None or has == self._newest.number:
            return b""
        if has is not None and has == self._previous:
            return self._change_line
        if self._whole_line is None:
            self._whole_line = encode({"snapshot": self._newest})
        return self._whole_line


def changed(before: Snapshot, after: Snapshot) -> dict[str, dict[str, Any]]:
    """The fields that differ, by name: `to` the new value, `rows` the changed rows, or the places of `gone` rows and
    the `more` rows after the last one."""
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in _FIELDS)
    # The identity check comes first: a field that was not rebuilt costs nothing.
    return {name: _difference(old, new) for name, old, new in pairs if new is not old and new != old}


def with_change(before: Snapshot, change: Mapping[str, Mapping[str, Any]]) -> Snapshot:
    """The snapshot after. Raises `TypeError`, `ValueError` or `LookupError` for a change that does not fit."""
    made = {name: _applied(getattr(before, name, _MISSING), how) for name, how in change.items()}
    return dataclasses.replace(before, **made)


def _difference(old: object, new: object) -> dict[str, Any]:
    if isinstance(old, Known) and isinstance(new, Known):
        inside = _rows_difference(cast("Known[Any]", old).value, cast("Known[Any]", new).value)
        return {"to": cast("Any", new)} if inside is None else {"known": inside}
    return _rows_difference(cast("object", old), new) or {"to": new}


def _rows_difference(old: object, new: object) -> dict[str, Any] | None:
    """How the rows differ, in as few rows as possible; None where they are none, or at least half of them changed."""
    if not isinstance(old, tuple) or not isinstance(new, tuple):
        return None
    before, after = cast("Rows", old), cast("Rows", new)
    rows: list[tuple[int, Any]] | None = None
    if len(before) == len(after):
        rows = [(index, row) for index, row in enumerate(after) if row is not before[index] and row != before[index]]
        rows = rows if len(rows) * 2 < len(after) else None
    if rows is not None and len(rows) < 2:
        return {"rows": rows}
    moved = _moved(before, after)
    if rows is not None and (moved is None or len(rows) <= len(moved["more"])):
        return {"rows": rows}
    return moved


def _moved(before: Rows, after: Rows) -> dict[str, Any] | None:
    """The rows that are gone and those that came after the last one; None where that is not all that happened."""
    gone: list[int] = []
    kept = 0
    for place, row in enumerate(before):
        if kept < len(after) and (row is after[kept] or row == after[kept]):
            kept += 1
        elif len(gone) < _MAX_GONE_ROWS:
            gone.append(place)
        else:
            return None
    return {"gone": gone, "more": list(after[kept:])} if kept else None


def _applied(old: Any, how: Mapping[str, Any]) -> Any:  # noqa: ANN401  (any field)
    if "known" in how:
        return Known(_applied(old.value, how["known"]))
    if "to" in how:
        return how["to"]
    if "rows" in how:
        rows = list(old)
        for index, row in how["rows"]:
            rows[index] = row
        return tuple(rows)
    gone = set(how["gone"])
    return (*(row for place, row in enumerate(old) if place not in gone), *how["more"])
