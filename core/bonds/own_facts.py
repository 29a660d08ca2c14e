"""What the user says of bonds in `bonds.csv`, as far as it can be read, and the last good state of what cannot."""

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import cast

from core.bonds.overrides import Entry, OverridesContent, laid_over, parse_overrides, read_entry
from core.i18n import listed, reasons, say, say_many
from core.infra.home import read_own, write_atomically
from core.infra.user_files import UserFileRefused, read_user_text
from core.model.bond import BondCode
from core.model.bond_info import BondFacts
from core.model.time import SHANGHAI

log = logging.getLogger(__name__)

Entries = Mapping[BondCode, Entry]

_MOST_SHOWN = 3


class OwnFacts:
    """A line or a cell that cannot be read leaves the others in force, and what it said when it could be read last,
    also over a restart. What the user removes from a file that can be read is removed.
    """

    def __init__(self, file: Path, kept_file: Path) -> None:
        self._file = file
        self._kept_file = kept_file
        self._entries = self._kept = self._load()
        self._unsure = frozenset[BondCode]()
        """Bonds of which something cannot be read."""
        self.trouble: str | None = None
        """What cannot be read and what stays in force for it, as a sentence; None where everything can."""

    def get(self, code: BondCode) -> BondFacts | None:
        entry = self._entries.get(code)
        return None if entry is None else entry.facts

    def says_whether_called(self, code: BondCode) -> bool:
        """Whether the file, as it is now, says if the bond is called."""
        entry = self._entries.get(code)
        return entry is not None and entry.facts.call is not None and code not in self._unsure

    def read(self) -> None:
        """Read the file as it is now; raises nothing."""
        try:
            as_of = datetime.fromtimestamp(self._file.stat().st_mtime, SHANGHAI)
            content = parse_overrides(read_user_text(self._file), as_of)
        except FileNotFoundError:
            self._use({}, {}, None)
        except UserFileRefused as error:
            self._use({}, self._entries, f"{self._file.name} {error}")
        except (OSError, ValueError, OverflowError) as error:  # the last two: a file's time that is none
            why = getattr(error, "strerror", None) or error
            why = say("{file} cannot be read: {error}", file=self._file.name, error=why)
            self._use({}, self._entries, why)
        else:
            good = content.entries if content.complete else self._filled(content.entries, as_of)
            self._use(good, self._kept_of(content), self._described(content) if content.bad else None)
            self._unsure |= {line.code for line in content.bad if line.code is not None}

    def _filled(self, entries: Entries, as_of: datetime) -> Entries:
        """What a line does not say may stand in a column with a mistyped name: it stays as it was."""
        known = self._entries
        return {
            code: laid_over(entry, known[code], as_of) if code in known else entry for code, entry in entries.items()
        }

    def _kept_of(self, content: OverridesContent) -> Entries:
        """What stays of the entries, below what can be read: a line whose code cannot be read may be that of any bond
        not in the file."""
        unread, kept = {line.code for line in content.bad}, dict[BondCode, Entry]()
        for code, before in self._entries.items():
            now = content.entries.get(code)
            if now is None and unread & {code, None}:
                kept[code] = before
            elif now is not None and code in unread and before.cells.keys() - now.cells.keys():
                kept[code] = laid_over(now, before, before.facts.as_of)
        return kept

    def _use(self, good: Entries, kept: Entries, trouble: str | None) -> None:
        entries = {**good, **kept}
        if trouble is not None and kept:
            told = {"trouble": trouble, "entries": _shown(kept)}
            trouble = say("{trouble}; still in force, as read before: {entries}", **told)
        if trouble is not None and trouble != self.trouble:
            log.error("%s", trouble)
        elif trouble is None and self.trouble is not None:
            log.info("%s can be read again", self._file.name)
        self._entries, self._unsure, self.trouble = entries, frozenset(kept), trouble

    def _described(self, content: OverridesContent) -> str:
        file, bad = self._file.name, content.bad
        shown = [
            say("{file}, line {line}: {error}", file=file, line=line.number, error=line.why)
            for line in bad[:_MOST_SHOWN]
        ]
        if more := len(bad) - len(shown):
            shown.append(say_many("and {count} more line", "and {count} more lines", more))
        return reasons(shown)

    def keep(self) -> None:
        """Write the copy where it is not what was read last."""
        if self._entries == self._kept:
            return
        rows = {code: {**entry.cells, "as_of": entry.facts.as_of.isoformat()} for code, entry in self._entries.items()}
        try:
            self._kept_file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._kept_file, json.dumps(rows, ensure_ascii=False, indent=1))
            self._kept = self._entries
        except OSError as error:
            log.warning("the copy of %s could not be saved: %s", self._file.name, error)

    def _load(self) -> Entries:
        try:
            rows = cast("dict[str, dict[str, str]]", json.loads(read_own(self._kept_file)))
            return {
                (code := BondCode(text)): read_entry(code, row, datetime.fromisoformat(row["as_of"]))[0]
                for text, row in rows.items()
            }
        except FileNotFoundError:
            return {}
        except Exception as error:  # whatever it holds: the user's file itself is read next
            log.warning("the copy %s is not used: %s", self._kept_file.name, error)
            return {}


def _shown(entries: Entries) -> str:
    shown = [f"{code} ({entry.facts.as_of:%Y-%m-%d %H:%M})" for code, entry in sorted(entries.items())]
    return listed(shown[:_MOST_SHOWN]) + (", ..." if len(shown) > _MOST_SHOWN else "")
