"""What is shown of a backtest record before it is followed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.model.bond import BondCode
from core.model.bond_metrics import BondMetrics
from core.model.known import Maybe
from core.model.platform import RecordRule, Selection
from core.model.settings import BuySettings, ScheduleSettings


@dataclass(frozen=True, slots=True)
class ListedBond:
    """A bond of a list in the market: prices in CNY per 张, None where not known; `blocked` says why it cannot be
    bought now, empty where it can. `not_listed` names what its row lacks, `extra` is what the row says besides;
    `metrics` is None where nothing was asked for.
    """

    code: BondCode
    name: str
    list_price: Decimal | None
    last: Decimal | None
    quoted_at: datetime | None
    blocked: str = ""
    not_listed: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    metrics: BondMetrics | None = None


@dataclass(frozen=True, slots=True)
class ScheduleProposal:
    """The schedule that trades as a record does, also in words, and in words the one in use."""

    schedule: ScheduleSettings
    text: str
    in_use: str


@dataclass(frozen=True, slots=True)
class RecordCard:
    """A record's parameters, of no fixed shape, the `rule` in them, and its list: `Unknown` where it cannot be used.

    `listed` is the list as the market stands, in its order; `proposal` the schedule that fits, where the one in use
    differs; `buy` says how much of the list is held.
    """

    strategy_id: int
    history_id: int
    parameters: Maybe[Mapping[str, Any]]
    rule: RecordRule
    selection: Maybe[Selection]
    listed: tuple[ListedBond, ...] = ()
    proposal: ScheduleProposal | None = None
    buy: BuySettings = field(default_factory=BuySettings)
