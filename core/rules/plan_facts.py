"""What a plan is decided from, once nothing essential of it is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from core.i18n import mark, reasons, say
from core.model.account import Asset, Holdings, Position
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.order import SALES_ALONE, Side
from core.model.platform import Selection
from core.model.settings import Settings
from core.rules.plan_input import PlanInput
from core.rules.pricing import order_price, plan_price, suspended

NO_QUOTE = Unknown(mark("no price: the quote source does not list the bond"))


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """Inputs of a plan of which nothing essential is missing."""

    situation: PlanInput
    settings: Settings
    selection: Selection
    held: Mapping[BondCode, Position]
    ledger: Holdings
    asset: Asset
    busy: Mapping[BondCode, str]

    def name(self, code: BondCode) -> str:
        for bond in self.selection.bonds:
            if bond.code == code and bond.name:
                return bond.name
        quote = self.situation.quotes.get(code)
        return (quote.value.name if isinstance(quote, Known) else "") or self.situation.names.get(code, "")

    def price(self, side: Side, code: BondCode) -> Maybe[Decimal]:
        return leg_price(self.situation, self.settings, side, code)

    def suspended(self, code: BondCode) -> bool:
        quote = self.situation.quotes.get(code)
        return isinstance(quote, Known) and suspended(quote.value)

    @property
    def first(self) -> tuple[BondCode, ...]:
        """The bonds of the list that are to be held."""
        return self.settings.buy.first(self.selection.codes)

    @property
    def kept(self) -> tuple[BondCode, ...]:
        """The bonds of the list that are not sold where they are owned."""
        return self.settings.buy.kept(self.selection.codes)

    @property
    def in_band(self) -> tuple[BondCode, ...]:
        """What is owned and has fallen below the first bonds, but not below the hold band."""
        return tuple(code for code in self.kept[len(self.first) :] if self.owned(code))

    def leaves(self, code: BondCode) -> bool:
        """Whether it is owned, and is neither among the list's first bonds nor within the hold band; a bond whose row
        was skipped stays."""
        return code in self.ledger and code not in self.kept and self.selection.skips(code) is None

    def volume(self, code: BondCode) -> int:
        return self.held[code].volume if code in self.held else 0

    def owned(self, code: BondCode) -> int:
        return self.ledger[code].volume if code in self.ledger else 0


def leg_price(situation: PlanInput, settings: Settings, side: Side, code: BondCode) -> Maybe[Decimal]:
    """The limit of a leg, CNY per 张; else why there is none. A forced sale takes whatever price there is."""
    quote = situation.quotes.get(code, NO_QUOTE)
    if situation.origin in SALES_ALONE or (side is Side.SELL and code in situation.leaving):
        return order_price(side, quote, settings.orders, situation.trading_day)
    price = plan_price(side, quote, settings, situation.now)
    return Unknown(situation.doubts[code]) if isinstance(price, Known) and code in situation.doubts else price


def complete(situation: PlanInput, settings: Settings) -> PlanFacts | Unknown:
    selection, positions, ledger, asset, busy = (
        situation.selection,
        situation.positions,
        situation.ledger,
        situation.asset,
        situation.busy,
    )
    if isinstance(asset, Unknown):
        return Unknown(say("the account's cash is unknown: {reason}", reason=asset.reason))
    if isinstance(positions, Unknown):
        return Unknown(say("the account's positions are unknown: {reason}", reason=positions.reason))
    if isinstance(ledger, Unknown):
        return Unknown(say("the strategy's ledger is unknown: {reason}", reason=ledger.reason))
    if isinstance(busy, Unknown):
        return Unknown(say("the open orders are unknown: {reason}", reason=busy.reason))
    if isinstance(selection, Unknown):
        return selection
    # A fill of an open order may show in the holdings before it is booked, or after.
    settled = {code: owned for code, owned in ledger.value.items() if code not in busy.value}
    uneven = disagreements(settled, positions.value)
    if uneven:
        return Unknown(say("the ledger and the account differ: ") + reasons(uneven))
    return PlanFacts(
        situation,
        settings,
        selection.value,
        {position.code: position for position in positions.value},
        {code: owned for code, owned in ledger.value.items() if owned.volume > 0},
        asset.value,
        busy.value,
    )


def disagreements(ledger: Holdings, positions: tuple[Position, ...]) -> tuple[str, ...]:
    """The bonds of which the ledger owns more than the account holds, each as a sentence."""
    held = {position.code: position.volume for position in positions}
    return tuple(
        say(
            "{code}: the ledger owns {volume} 张, the account holds {held} (if you sold it by "
            "hand: rotor release {short})",
            code=code,
            volume=owned.volume,
            held=held.get(code, 0),
            short=code[:6],
        )
        for code, owned in sorted(ledger.items())
        if owned.volume > held.get(code, 0)
    )
