"""What is known of each watched bond, and the row that shows what its stop would do on the next price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.i18n import listed, noted, say
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.order import Origin
from core.model.quote import Quote, TradingState
from core.model.snapshot import StopRow, StopsSummary, StopStatus
from core.rules.stops import NO_STOPS, Levels, Ratios

_MOST_NAMED = 3
"""Bonds that the summary names."""


@dataclass(slots=True)
class Watch:
    """State of one bond: its newest price, why it cannot be sold, and when to try again.

    `decided`: a stop that triggered and whose order could not be written down. It is sold once it can, on this day,
    whatever the price is by then.
    """

    quote: Quote | None = None
    checked_at: datetime | None = None
    note: str = ""
    decided: "Crossing | None" = None
    doubted_since: float | None = None
    failures: int = 0
    not_before: float = 0.0


@dataclass(frozen=True, slots=True)
class Crossing:
    """A price through a level (CNY per 张): which stop it triggers, and why, for people."""

    origin: Origin
    text: str
    level: Decimal | None


@dataclass(frozen=True, slots=True)
class Situation:
    """What all stops have in common: whether they are `enabled`, the `ratios` in force, why no order is sent at all
    (`trouble`) or at this time (`hours`); a price that was checked before `unseen` counts as missing."""

    enabled: bool
    ratios: Ratios
    trouble: str | None
    hours: str | None
    unseen: datetime


def stop_row(
    watch: Watch, levels: Maybe[Levels], situation: Situation, *, frozen: str | None, selling: bool
) -> StopRow:
    """`frozen`: why no order of this bond is sent; `selling`: whether its stop is at work."""
    ratios, known = situation.ratios, levels.value if isinstance(levels, Known) else Levels(None, None, "")
    reason = _why_unarmed(levels, situation) or situation.trouble or frozen
    unseen = _price_missing(watch, situation) if situation.hours is None else None
    status, text = _armed_status(watch.quote, situation, selling=selling)
    if reason is not None:
        status = _unarmed_status(situation)
    elif unseen is not None:
        status = StopStatus.NO_PRICE
    elif watch.note:
        status = StopStatus.WAITING
    state = reason or watch.note or unseen or text
    if reason is not None and watch.decided is not None:
        state = say("{why} This stop has triggered and is sold then.", why=reason)
    caveat = next((text for text in (*ratios.troubles, known.doubt) if text), None)
    if reason is None and caveat is not None:
        state = say("{state}, but {troubles}", state=state, troubles=caveat)
    armed = reason is None and unseen is None
    return StopRow(known.loss, known.profit, known.basis, armed, state, status, watch.checked_at, ratios.not_set)


def _armed_status(quote: Quote | None, situation: Situation, *, selling: bool) -> tuple[StopStatus, str]:
    if selling:
        return StopStatus.SELLING, say("selling")
    if quote is not None and quote.state is TradingState.HALTED:
        return StopStatus.WAITING, say("suspended: fires when it trades")
    return StopStatus.ARMED, say("armed") if situation.hours is None else say("armed for the next hours of trading")


def _unarmed_status(situation: Situation) -> StopStatus:
    """NOT_SET only where it is known that neither stop is used: ratios that are not known are no absence."""
    if not situation.enabled:
        return StopStatus.OFF
    return StopStatus.NOT_SET if len(situation.ratios.not_set) == 2 else StopStatus.BLOCKED


def _price_missing(watch: Watch, situation: Situation) -> str | None:
    """Why the bond's price is not known, None where a tick or a sweep has brought one lately."""
    if watch.checked_at is None:
        return say("no price yet")
    if watch.checked_at < situation.unseen:
        return say("no price since {checked_at:%H:%M:%S}", checked_at=watch.checked_at)
    return None


def _why_unarmed(levels: Maybe[Levels], situation: Situation) -> str | None:
    if not situation.enabled:
        return say("off: stops.enabled = false")
    if isinstance(levels, Unknown):
        return levels.reason
    if levels.value.loss is None and levels.value.profit is None:
        return situation.ratios.troubles[0] if situation.ratios.troubles else say(NO_STOPS)
    return None


def stops_summary(rows: Mapping[BondCode, StopRow], names: Mapping[BondCode, str], hours: str | None) -> StopsSummary:
    """How many are armed, and why not all are: with the bonds the reason is about, unless it is about all of them.

    `hours`: why no order is sent at this time.
    """
    wanted = {code: row for code, row in rows.items() if row.status is not StopStatus.NOT_SET}
    unarmed = dict[str, list[str]]()
    for code, row in wanted.items():
        if not row.armed:
            unarmed.setdefault(row.state, []).append(f"{code} {names.get(code, '')}".rstrip())
    note = hours or ""
    if unarmed:  # the first reason: one sentence is read at a glance, and can be made again in the other language
        state, bonds = next(iter(unarmed.items()))
        note = state if len(bonds) == len(wanted) else noted(state, listed(_named(bonds)))
    armed = sum(row.armed for row in wanted.values())
    return StopsSummary(armed, len(wanted), note, len(rows) - len(wanted))


def _named(bonds: Sequence[str]) -> list[str]:
    more = len(bonds) - _MOST_NAMED
    return [*bonds[:_MOST_NAMED], *([say("{count} more", context="bonds", count=more)] if more > 0 else [])]
