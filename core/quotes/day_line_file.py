"""Keeps the day lines on disk, so that a restart within the day begins with them.

One line of JSON for the day, then one for each minute. It is no part of the books: a file that cannot be read or
written costs the lines of the time before, and nothing else.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

from core.infra.home import check_own, write_atomically
from core.model.bond import BondCode, CodeRefused
from core.quotes.day_lines import DayLines
from core.rules.day_line import SLOTS, slot_at

log = logging.getLogger(__name__)

_LONGEST = 8 * 1024 * 1024
"""Bytes that are read: 500 bonds take some 5 MB a day."""


class DayLineFile:
    """Loads what an earlier run of today has kept, and keeps each minute once it is over."""

    def __init__(self, path: Path, lines: DayLines) -> None:
        self._path = path
        self._lines = lines
        self._day: date | None = None
        self._next = 0
        """The first slot that is not in the file yet."""
        self._keeping: asyncio.Task[None] | None = None
        self._failed = False
        self._whole = True
        """Whether the file's last line is whole: a crash may have cut it."""

    def load(self, now: datetime) -> None:
        """Fill the lines with what was kept of today, up to now. Blocks for some 10 ms; never raises."""
        try:
            check_own(self._path)
            with self._path.open("rb") as file:
                text = file.read(_LONGEST).decode("utf-8", errors="replace")
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("the day lines of the run before cannot be read: %s", error)
            return
        self._restore(text, now)

    def keep_in_background(self, now: datetime) -> None:
        """Begin to keep the minutes that are over, where there are some and that is not going on already."""
        due = self._day != self._lines.day or slot_at(now.time()) > self._next
        if self._lines.day == now.date() and due and (self._keeping is None or self._keeping.done()):
            self._keeping = asyncio.create_task(self.keep(now), name="day lines")

    async def close(self, now: datetime) -> None:
        """Keep everything, the running minute too."""
        if self._keeping is not None:
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self.keep(now, all_of_it=True)

    async def keep(self, now: datetime, *, all_of_it: bool = False) -> None:
        """Append the minutes of today that are over; `all_of_it`: and the running one."""
        day, until = self._lines.day, min(slot_at(now.time()), SLOTS - all_of_it)
        if day != now.date():
            return
        if day != self._day:
            header = json.dumps({"day": day.isoformat()}) + "\n"
            if not await self._write(lambda: write_atomically(self._path, header)):
                return
            self._day, self._next, self._whole = day, 0, True
        found = [(slot, self._lines.minute(slot)) for slot in range(self._next, until + all_of_it)]
        rows = [json.dumps({"slot": slot, "prices": prices}) + "\n" for slot, prices in found if prices]
        if rows and not await self._write(lambda: self._append("".join(rows))):
            return
        self._next = max(until, self._next)

    async def _write(self, write: Callable[[], None]) -> bool:
        try:
            await asyncio.to_thread(write)
        except OSError as error:
            if not self._failed:
                log.warning("the day lines cannot be kept for a restart: %s", error)
            self._failed = True
            return False
        self._failed = False
        return True

    def _append(self, text: str) -> None:
        check_own(self._path)
        with self._path.open("a", encoding="utf-8", newline="") as file:
            file.write(text if self._whole else f"\n{text}")
        self._whole = True

    def _restore(self, text: str, now: datetime) -> None:
        header, *rows = text.splitlines() or [""]
        today, until, damaged = now.date(), slot_at(now.time()), 0
        if self._lines.day != today or _parsed(header).get("day") != today.isoformat():
            return
        for row in filter(None, rows):
            try:
                minute = _parsed(row)
                slot, prices = int(minute["slot"]), {BondCode(code): int(at) for code, at in minute["prices"].items()}
                if 0 <= slot < until:
                    self._lines.restore(slot, prices)
            except (ValueError, TypeError, KeyError, AttributeError, CodeRefused):
                damaged += 1
        if damaged:
            log.warning("%d minutes of the day lines of the run before cannot be read", damaged)
        self._day, self._next, self._whole = today, max(until, 0), text.endswith("\n")


def _parsed(row: str) -> dict[str, Any]:
    """The object in a line; an empty one where it holds none."""
    try:
        found = json.loads(row)
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
