"""A list of sessions in a file: a line `session`, then one ISO date per line; lines that begin with # are notes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from core.rules.session_list import ListRefused, in_whole_years, sessions_after

_HEADER = "session"
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SOURCE = "source: "


@dataclass(frozen=True, slots=True)
class SessionFile:
    """What a file lists, as it stands there, and its notes without their #."""

    sessions: tuple[date, ...]
    notes: tuple[str, ...]

    @property
    def source(self) -> str | None:
        """Where its sessions are from, as the notes tell."""
        return next((note.removeprefix(_SOURCE) for note in self.notes if note.startswith(_SOURCE)), None)


def read_session_file(path: Path) -> SessionFile:
    """What the file lists, not yet compared with anything. Raises `ListRefused`, `OSError`."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise ListRefused("is no text in UTF-8") from None
    notes = tuple(line.lstrip("# ") for line in lines if line.startswith("#"))
    header, *days = [line for line in lines if line and not line.startswith("#")] or [""]
    if header != _HEADER:
        raise ListRefused(f"does not begin with a line {_HEADER!r}")
    return SessionFile(tuple(_day(text) for text in days), notes)


def later_sessions(path: Path, shipped: Sequence[date]) -> tuple[date, ...]:
    """The sessions that the file adds to the shipped ones, in whole years; it counts as a whole or not at all.

    Raises `ListRefused`, `OSError`.
    """
    later = sessions_after(shipped, read_session_file(path).sessions)
    whole = in_whole_years(shipped, later)
    if whole != later:
        raise ListRefused(f"ends on {later[-1]}, before the sessions of {later[-1].year} do")
    return whole


def session_file_text(sessions: Iterable[date], notes: Iterable[str], source: str) -> str:
    """The text of a file that lists `sessions`, as `read_session_file` reads it."""
    lines = [*(f"# {note}" for note in notes), f"# {_SOURCE}{source}", _HEADER, *(day.isoformat() for day in sessions)]
    return "".join(f"{line}\n" for line in lines)


def _day(text: str) -> date:
    # `date.fromisoformat` alone would take 20270104 and 2027-W01-1 too.
    try:
        if _ISO.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    shown = text if len(text) <= 20 else f"{text[:20]}..."
    raise ListRefused(f"has a line that is no date such as 2027-01-04: {shown!r}")
