"""What the bonds' dossiers mean for what is planned and held: by the rules, today."""

from collections.abc import Iterable
from decimal import Decimal

from core.bonds.book import BondBook
from core.calendar.calendar import Calendar
from core.infra.clock import Clock
from core.model.bond import BondCode
from core.model.bond_info import BondInfo
from core.model.settings import GuardSettings
from core.model.snapshot import PositionRow
from core.rules.redemption import HeldDanger, held_danger, why_not_bought, why_unknown


class Eligibility:
    def __init__(self, book: BondBook, calendar: Calendar, guards: GuardSettings, clock: Clock) -> None:
        self._book = book
        self._calendar = calendar
        self._guards = guards
        self._clock = clock

    def bond_info(self, code: BondCode) -> BondInfo:
        return self._book.bond_infos([code])[code]

    def name(self, code: BondCode) -> str:
        return self._book.name(code)

    def barred(self, codes: Iterable[BondCode]) -> dict[BondCode, str]:
        """Why each of these is not bought, where it is not."""
        today, between = self._clock.now().date(), self._calendar.sessions_between
        found = {
            code: why_not_bought(bond_info, today, between, self._guards)
            for code, bond_info in self._book.bond_infos(codes).items()
        }
        return {code: reason for code, reason in found.items() if reason is not None}

    def notes(self, codes: Iterable[BondCode]) -> dict[BondCode, str]:
        """What a row of the plan tells besides: a danger that does not sell yet, and what nobody knows."""
        found: dict[BondCode, str] = {}
        for code, bond_info in self._book.bond_infos(codes).items():
            unknown = why_unknown(bond_info, self._clock.now().date()) if self._guards.redemption == "warn" else None
            danger = self._held(bond_info, "", 0, None)
            note = danger.short if danger is not None else unknown
            if note is not None:
                found[code] = note
        return found

    def leaving(self, owned: Iterable[BondCode]) -> dict[BondCode, str]:
        """Why each of these has to be sold now, where it has to."""
        found = {code: self._held(bond_info, "", 0, None) for code, bond_info in self._book.bond_infos(owned).items()}
        return {code: danger.short for code, danger in found.items() if danger is not None and danger.sell}

    def held(self, rows: Iterable[PositionRow]) -> tuple[HeldDanger, ...]:
        """What threatens the holdings, with the money at stake."""
        rows = tuple(rows)
        bond_infos = self._book.bond_infos(row.code for row in rows)
        found = [self._held(bond_infos[row.code], row.name, row.volume, row.last) for row in rows]
        return tuple(danger for danger in found if danger is not None)

    def _held(self, bond_info: BondInfo, name: str, volume: int, last: Decimal | None) -> HeldDanger | None:
        today, between = self._clock.now().date(), self._calendar.sessions_between
        return held_danger(bond_info, name, volume, last, today, between, self._guards)
