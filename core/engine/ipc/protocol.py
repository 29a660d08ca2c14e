"""Values of the vocabulary as JSON and back: what goes between an engine and a viewer in another process.

Only classes of `core.model` are made from what comes in, by name; everything else is refused.
"""

import dataclasses
import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, cast

from pydantic import BaseModel

import core.model
from core.infra.clock import SHANGHAI
from core.model.bond import BondCode


class NotReadable(ValueError):
    """What came in is not what this version of the vocabulary writes."""


def written(value: object) -> bytes:
    """The value as one line of JSON."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def read(line: bytes) -> Any:  # noqa: ANN401  (whatever was written)
    """The value of a line. Raises `NotReadable`."""
    try:
        return _made(json.loads(line))
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise NotReadable(f"{type(error).__name__}: {error}") from None


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
            raise NotReadable(f"an object without a known mark: {sorted(plain)}")
