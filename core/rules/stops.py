"""Stop levels: where a holding is sold, worked out from ratios and what they are measured against."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Literal

from core.i18n import Language, language, mark, say
from core.model.known import Known, Maybe, Unknown
from core.model.order import Origin, Side
from core.model.parameter_names import parameter_name
from core.model.setting_types import StopChoice
from core.model.settings import StopSettings
from core.rules.record_parameters import STOP_LOSS, TAKE_PROFIT, Parameters, stop_ratio
from core.rules.ticks_and_lots import to_tick

Basis = Literal["cost", "prev_close", "both"]

NO_STOPS = mark("neither a stop-loss nor a take-profit is set")

_NO_COST = mark('what it cost is not known, so its stop has no level (stops.basis = "prev_close" needs no cost)')


@dataclass(frozen=True)
class Ratios:
    """How far above and below the basis a holding is sold (0.1 is 10 %). Known(None): there is to be no such stop."""

    profit: Maybe[Decimal | None]
    loss: Maybe[Decimal | None]

    @cached_property
    def troubles(self) -> tuple[str, ...]:
        """Why one of them cannot be armed."""
        return tuple(dict.fromkeys(r.reason for r in (self.loss, self.profit) if isinstance(r, Unknown)))

    @cached_property
    def not_set(self) -> tuple[Origin, ...]:
        """The stops that are not used: the settings or the record say so."""
        named = ((Origin.STOP_LOSS, self.loss), (Origin.TAKE_PROFIT, self.profit))
        return tuple(origin for origin, ratio in named if ratio == Known(None))


@dataclass(frozen=True, slots=True)
class Levels:
    """Prices in CNY per 张 at which a holding is sold, on the tick; None where there is no such stop.

    `doubt` is why one of the bases is left out.
    """

    loss: Decimal | None
    profit: Decimal | None
    basis: str
    doubt: str = ""


def ratios_of(stops: StopSettings, parameters: Maybe[Parameters]) -> Ratios:
    """The ratios of the settings, or of the followed record's `parameters` where the settings leave them to it."""
    return Ratios(
        _ratio(stops.take_profit, parameters, TAKE_PROFIT),
        _ratio(stops.stop_loss, parameters, STOP_LOSS),
    )


def levels_of(cost: Decimal, prev_close: Maybe[Decimal], ratios: Ratios, basis: Basis) -> Maybe[Levels]:
    """Where to sell what cost `cost` (CNY per 张); with `both`, each level is the one that is reached first.

    The previous close changes overnight and may not be known: then `both` is the cost alone, with the reason as the
    levels' `doubt`. A cost that is not above zero is one that the broker did not report, or no price of the bond.
    Without a stop nothing is needed to know its levels: there are none.
    """
    return _levels_of(cost, prev_close, ratios, basis, language())


@lru_cache(maxsize=4096)  # asked for with each price and each snapshot; what it follows from changes once a day
def _levels_of(cost: Decimal, prev_close: Maybe[Decimal], ratios: Ratios, basis: Basis, _: Language) -> Maybe[Levels]:
    if len(ratios.not_set) == 2:
        return Known(Levels(None, None, ""))
    known = {mark("cost"): cost} if basis in {"cost", "both"} and cost > 0 else {}
    doubt = ""
    if basis in {"prev_close", "both"}:
        if isinstance(prev_close, Known):
            known[mark("prev. close")] = prev_close.value
        else:
            doubt = prev_close.reason
    if not known:
        return Unknown(doubt or say(_NO_COST))
    loss, profit = _set(ratios.loss), _set(ratios.profit)
    losses = [price * (1 - loss) for price in known.values() if loss is not None]
    profits = [price * (1 + profit) for price in known.values() if profit is not None]
    return Known(
        Levels(
            to_tick(max(losses), Side.BUY) if losses else None,
            to_tick(min(profits), Side.SELL) if profits else None,
            " / ".join(f"{say(name)} {price:.3f}" for name, price in known.items()),
            doubt,
        )
    )


def crossed(last: Decimal, levels: Levels) -> Origin | None:
    """What the last price sets off; a stop-loss comes before a take-profit."""
    if levels.loss is not None and last <= levels.loss:
        return Origin.STOP_LOSS
    if levels.profit is not None and last >= levels.profit:
        return Origin.TAKE_PROFIT
    return None


def _set(ratio: Maybe[Decimal | None]) -> Decimal | None:
    return ratio.value if isinstance(ratio, Known) else None


def _ratio(wanted: StopChoice | Decimal, parameters: Maybe[Parameters], name: str) -> Maybe[Decimal | None]:
    if wanted != "strategy":
        return Known(wanted if isinstance(wanted, Decimal) else None)
    if isinstance(parameters, Unknown):
        named, why = parameter_name(name), parameters.reason
        return Unknown(say("the strategy's {parameter} is unknown: {reason}", parameter=named, reason=why))
    return stop_ratio(parameters.value, name)
