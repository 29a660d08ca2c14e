"""What the sandbox knows of its bonds beside their prices: as told before the open of 2026-05-15.

Shares and premiums are those of the close before. The recording has no day counts of calls: they are unknown. A share's
price is its conversion value times the conversion price, which gives whole fen for every recorded bond.
"""

from collections.abc import Iterable
from datetime import datetime, time
from decimal import Decimal

from core.i18n import say
from core.model.bond import BondCode
from core.model.bond_info import BondFacts, BondInfo, BondInfos, RedemptionState
from core.model.time import SHANGHAI
from core.sandbox.prices import RECORDED_DAY
from core.sandbox.recorded import LiveBond, SandboxData

SOURCE = "sandbox"
_CENT = Decimal("0.01")
_AS_OF = datetime.combine(RECORDED_DAY, time(9), SHANGHAI)


class SandboxBondInfo:
    """A `BondInfoProvider` over the recording: nothing of it changes."""

    def __init__(self, data: SandboxData) -> None:
        self._bonds = data.bonds
        self._infos: dict[BondCode, BondInfo] = {}

    def bond_infos(self, codes: Iterable[BondCode]) -> BondInfos:
        return {code: self._infos.get(code) or self._infos.setdefault(code, self._bond_info(code)) for code in codes}

    def name(self, code: BondCode) -> str:
        bond = self._bonds.get(code)
        return bond.name if bond is not None else ""

    def notices(self) -> tuple[str, ...]:
        return ()

    async def refresh_if_due(self) -> None: ...

    def close(self) -> None: ...

    def _bond_info(self, code: BondCode) -> BondInfo:
        bond = self._bonds.get(code)
        if bond is None:
            return BondInfo(code, (), say("it is not in the sandbox's recording"))
        return BondInfo(code, (_facts(bond),))


def _facts(bond: LiveBond) -> BondFacts:
    before = bond.before
    value, premium = (before.conversion_value, before.premium) if before is not None else (None, None)
    share_price = None
    if value is not None:
        share_price = (Decimal(str(value)) * bond.conversion_price / 100).quantize(_CENT)
    return BondFacts(
        bond.code,
        SOURCE,
        _AS_OF,
        name=bond.name,
        call=RedemptionState.CALLED if bond.called else RedemptionState.NONE,
        last_trade=bond.last_day,
        maturity=bond.matures,
        listed=bond.listed,
        conversion_price=bond.conversion_price,
        premium=None if premium is None else Decimal(str(premium)) / 100,
        balance=bond.balance,
        share=bond.share_name,
        share_code=bond.share_code,
        share_price=share_price,
        share_change=bond.change if share_price is not None else None,
        rating=bond.figures.rating or None,
    )
