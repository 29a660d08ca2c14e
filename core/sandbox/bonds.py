"""What the sandbox knows of its bonds beside their prices: as told before the open of 2026-05-15."""

from collections.abc import Iterable
from datetime import datetime, time

from core.i18n import say
from core.infra.clock import SHANGHAI
from core.model.bond import BondCode
from core.model.bond_info import BondFacts, Call, Dossier, Dossiers
from core.sandbox.prices import RECORDED_DAY
from core.sandbox.recorded import LiveBond, SandboxData

SOURCE = "sandbox"
_AS_OF = datetime.combine(RECORDED_DAY, time(9), SHANGHAI)


class SandboxBook:
    """A `BondBook` over the recording: nothing of it changes."""

    def __init__(self, data: SandboxData) -> None:
        self._bonds = data.bonds

    def dossiers(self, codes: Iterable[BondCode]) -> Dossiers:
        return {code: self._dossier(code) for code in codes}

    def name(self, code: BondCode) -> str:
        bond = self._bonds.get(code)
        return bond.name if bond is not None else ""

    def notices(self) -> tuple[str, ...]:
        return ()

    async def refresh_if_due(self) -> None: ...

    def close(self) -> None: ...

    def _dossier(self, code: BondCode) -> Dossier:
        bond = self._bonds.get(code)
        if bond is None:
            return Dossier(code, (), say("it is not in the sandbox's recording"))
        return Dossier(code, (_facts(bond),))


def _facts(bond: LiveBond) -> BondFacts:
    return BondFacts(
        bond.code,
        SOURCE,
        _AS_OF,
        name=bond.name,
        call=Call.CALLED if bond.called else Call.NONE,
        last_trade=bond.last_day,
        maturity=bond.matures,
        listed=bond.listed,
    )
