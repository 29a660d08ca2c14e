"""One decision per bond: which order origin takes priority, and which bonds a fired stop keeps from being bought."""

from collections.abc import Collection, Mapping

from core.i18n import mark, say
from core.model.bond import BondCode
from core.model.order import Intent, Origin, Side

_ORDER = (
    Origin.FLATTEN,
    Origin.STOP_LOSS,
    Origin.TAKE_PROFIT,
    Origin.EXIT,
    Origin.SALE,
    Origin.REBALANCE,
    Origin.REFILL,
    Origin.SELF_TEST,
)
"""First comes first: a stop-loss beats a take-profit beats an exit beats a rebalance."""

COOLING = mark("its stop fired today, or it was sold by hand")


def beats(one: Origin, other: Origin) -> bool:
    """Whether `one` may take over a bond from `other`."""
    return _ORDER.index(one) < _ORDER.index(other)


def why_behind(intent: Intent, claims: Mapping[BondCode, Origin], stopped: Collection[BondCode]) -> str | None:
    """Why an order has to stand back, None where it need not.

    `claims`: for what a bond is being traded now; `stopped`: bonds that were sold for today, which are not bought again
    before tomorrow.
    """
    claim = claims.get(intent.code)
    if claim is not None and beats(claim, intent.origin):
        return say("its {claim} is running", claim=claim)
    if intent.side is Side.BUY and intent.code in stopped:
        return say(COOLING)
    return None
