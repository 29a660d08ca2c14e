"""Everything that a plan is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from core.model.account import Asset, Holdings, Position
from core.model.bond import BondCode
from core.model.known import Maybe
from core.model.order import Origin
from core.model.platform import Selection
from core.model.quote import Quote
from core.rules.refill import NOTHING, Freed


@dataclass(frozen=True, slots=True)
class PlanInput:
    """Everything a plan is made from.

    `busy` names why a bond takes no order now (a working one, an unresolved one); `stopped` are the bonds whose stop
    fired today; `bought_today` is what the day's buys have cost so far, CNY; `freed` is what a refill may fill;
    `no_buys` tells why nothing may be bought at all; `only` is the bond that a sale by hand is about. `barred` tells
    why a bond is not bought (its call, its last days), `unclear` are those whose data are missing for that, `leaving`
    tells why one that is owned has to be sold now, `doubts` why its price is not to be believed, `notes` what its row
    says as well, `names` what a bond is called. `list_days` are the dates that the
    list may have, newest first.
    """

    plan_id: str
    mode: str
    now: datetime
    trading_day: date
    selection: Maybe[Selection]
    positions: Maybe[tuple[Position, ...]]
    ledger: Maybe[Holdings]
    asset: Maybe[Asset]
    quotes: Mapping[BondCode, Maybe[Quote]]
    busy: Maybe[Mapping[BondCode, str]]
    stopped: frozenset[BondCode] = frozenset()
    bought_today: Decimal = Decimal(0)
    origin: Origin = Origin.REBALANCE
    freed: Freed = NOTHING
    no_buys: str | None = None
    only: BondCode | None = None
    barred: Mapping[BondCode, str] = field(default_factory=dict[BondCode, str])
    leaving: Mapping[BondCode, str] = field(default_factory=dict[BondCode, str])
    unclear: frozenset[BondCode] = frozenset()
    doubts: Mapping[BondCode, str] = field(default_factory=dict[BondCode, str])
    notes: Mapping[BondCode, str] = field(default_factory=dict[BondCode, str])
    names: Mapping[BondCode, str] = field(default_factory=dict[BondCode, str])
    list_days: tuple[date, ...] = ()
