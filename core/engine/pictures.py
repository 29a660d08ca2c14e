"""Pictures for many viewers: each is written once, and as what has changed wherever that is enough.

While prices tick, some rows of the positions change and nothing else; when something happens, a line more of events.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from core.engine.ipc.protocol import written
from core.model.known import Known
from core.model.snapshot import Snapshot

_FIELDS = tuple(field.name for field in dataclasses.fields(Snapshot))

_MOST_SHIFT = 20
"""How many rows a list may have lost at its beginning to still count as the one before."""

_MISSING = object()

Rows = tuple[Any, ...]


class Pictures:
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
