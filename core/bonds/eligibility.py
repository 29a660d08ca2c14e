"""Which bonds may be bought and which must be sold today, by their redemptions and last trading days."""

from collections.abc import Iterable

from core.bonds.book import BondInfoProvider
from core.calendar.calendar import Calendar
from core.infra.clock import Clock
from core.model.bond import BondCode
from core.model.bond_info import BondInfo
from core.model.settings import GuardSettings, Settings
from core.model.snapshot import PositionRow
from core.rules.redemption import HeldDanger, held_danger, why_not_bought, why_unknown


class Eligibility:
    def __init__(self, bonds: BondInfoProvider, calendar: Calendar, guards: GuardSettings, clock: Clock) -> None:
        self._bonds = bonds
        self._calendar = calendar
        self._guards = guards
        self._clock = clock

    def use_settings(self, settings: Settings) -> None:
        """Judge by these settings from now on."""
        self._guards = settings.guards

    def bond_info(self, code: BondCode) -> BondInfo:
        return self._bonds.bond_infos([code])[code]

    def name(self, code: BondCode) -> str:
        return self._bonds.name(code)

    def not_buyable(self, codes: Iterable[BondCode]) -> dict[BondCode, str]:
        """The bonds that must not be bought, each with the reason."""
        today, between = self._clock.now().date(), self._calendar.sessions_between
        reasons = {
            code: why_not_bought(bond_info, today, between, self._guards)
            for code, bond_info in self._bonds.bond_infos(codes).items()
        }
        return {code: reason for code, reason in reasons.items() if reason is not None}

    def unclear(self, codes: Iterable[BondCode]) -> frozenset[BondCode]:
        """The bonds that must not be bought because their redemption or listing is unknown."""
        if self._guards.redemption != "required":
            return frozenset()
        today, bond_infos = self._clock.now().date(), self._bonds.bond_infos(codes)
        return frozenset(code for code, info in bond_infos.items() if why_unknown(info, today) is not None)

    def notes(self, codes: Iterable[BondCode]) -> dict[BondCode, str]:
        """Remarks for rows of the plan: a redemption that comes near, or what is unknown where that only warns."""
        found: dict[BondCode, str] = {}
        for code, bond_info in self._bonds.bond_infos(codes).items():
            unknown = why_unknown(bond_info, self._clock.now().date()) if self._guards.redemption == "warn" else None
            danger = self._danger(bond_info)
            note = danger.short if danger is not None else unknown
            if note is not None:
                found[code] = note
        return found

    def must_sell(self, owned: Iterable[BondCode]) -> dict[BondCode, str]:
        """The bonds that must be sold now, each with the reason."""
        found = {code: self._danger(bond_info) for code, bond_info in self._bonds.bond_infos(owned).items()}
        return {code: danger.short for code, danger in found.items() if danger is not None and danger.sell}

    def held_dangers(self, rows: Iterable[PositionRow]) -> tuple[HeldDanger, ...]:
        """What threatens the positions, with the money at stake."""
        rows = tuple(rows)
        bond_infos = self._bonds.bond_infos(row.code for row in rows)
        found = [self._danger(bond_infos[row.code], row) for row in rows]
        return tuple(danger for danger in found if danger is not None)

    def _danger(self, bond_info: BondInfo, row: PositionRow | None = None) -> HeldDanger | None:
        name, volume, last = (row.name, row.volume, row.last) if row is not None else ("", 0, None)
        today, between = self._clock.now().date(), self._calendar.sessions_between
        return held_danger(bond_info, name, volume, last, today, between, self._guards)
