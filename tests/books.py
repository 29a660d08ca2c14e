"""Books of bonds for tests: what they are told, and of everything else that nothing threatens it."""

from collections.abc import Iterable
from datetime import date

from core.model.bond import BondCode
from core.model.bond_info import BondFacts, BondInfo, BondInfos, RedemptionState
from tests.worlds import NOW


def facts(code: str, **told: object) -> BondFacts:
    """What the tables tell of a sound bond, but for `told`."""
    return BondFacts(BondCode(code), "table", NOW, **{"call": RedemptionState.NONE, "listed": date(2024, 1, 2), **told})  # type: ignore[arg-type]


class ToldBook:
    """A `BondInfoProvider` that was told these dossiers."""

    def __init__(self, *bond_infos: BondInfo) -> None:
        self.told = {bond_info.code: bond_info for bond_info in bond_infos}

    def bond_infos(self, codes: Iterable[BondCode]) -> BondInfos:
        return {code: self.told.get(code, BondInfo(code, (facts(code),))) for code in codes}

    def name(self, code: BondCode) -> str:
        return self.told[code].name if code in self.told else ""

    def notices(self) -> tuple[str, ...]:
        return ()

    async def refresh_if_due(self) -> None: ...

    def close(self) -> None: ...
