"""What the bonds' dossiers mean for what is planned and held: by the rules, today."""

from collections.abc import Iterable
from decimal import Decimal

from core.bonds.book import BondBook
from core.calendar.calendar import Calendar
from core.infra.clock import Clock
from core.model.bond import BondCode
from core.model.bond_info import Dossier
from core.model.settings import Guards
from core.model.snapshot import PositionRow
from core.rules.redemption import HeldDanger, held_danger, why_not_bought, why_unknown


class Dangers:
    def __init__(self, book: BondBook, calendar: Calendar, guards: Guards, clock: Clock) -> None:
        self._book = book
        self._calendar = calendar
        self._guards = guards
        self._clock = clock

    def dossier(self, code: BondCode) -> Dossier:
        return self._book.dossiers([code])[code]

    def name(self, code: BondCode) -> str:
        return self._book.name(code)

    def barred(self, codes: Iterable[BondCode]) -> dict[BondCode, str]:
        """Why each of these is not bought, where it is not."""
        today, between = self._clock.now().date(), self._calendar.sessions_between
        found = {
            code: why_not_bought(dossier, today, between, self._guards)
            for code, dossier in self._book.dossiers(codes).items()
        }
        return {code: reason for code, reason in found.items() if reason is not None}

    def notes(self, codes: Iterable[BondCode]) -> dict[BondCode, str]:
        """What a row of the plan tells besides: a danger that does not sell yet, and what nobody knows."""
        found: dict[BondCode, str] = {}
        for code, dossier in self._book.dossiers(codes).items():
            unknown = why_unknown(dossier, self._clock.now().date()) if self._guards.redemption == "warn" else None
            danger = self._held(dossier, "", 0, None)
            note = danger.short if danger is not None else unknown
            if note is not None:
                found[code] = note
        return found

    def leaving(self, owned: Iterable[BondCode]) -> dict[BondCode, str]:
        """Why each of these has to be sold now, where it has to."""
        found = {code: self._held(dossier, "", 0, None) for code, dossier in self._book.dossiers(owned).items()}
        return {code: danger.short for code, danger in found.items() if danger is not None and danger.sell}

    def held(self, rows: Iterable[PositionRow]) -> tuple[HeldDanger, ...]:
        """What threatens the holdings, with the money at stake."""
        rows = tuple(rows)
        dossiers = self._book.dossiers(row.code for row in rows)
        found = [self._held(dossiers[row.code], row.name, row.volume, row.last) for row in rows]
        return tuple(danger for danger in found if danger is not None)

    def _held(self, dossier: Dossier, name: str, volume: int, last: Decimal | None) -> HeldDanger | None:
        today, between = self._clock.now().date(), self._calendar.sessions_between
        return held_danger(dossier, name, volume, last, today, between, self._guards)
