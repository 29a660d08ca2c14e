"""A holding in full and in short, and what stands below a row's own details where there is room for it."""

from datetime import datetime
from typing import NamedTuple

from rich.text import Text
from textual.geometry import Size

from core.i18n import say
from core.model.bond import BondCode
from core.model.known import Unknown
from core.model.snapshot import PositionRow, Snapshot
from tui import format as fmt
from tui.screens.dialogs import Fact
from tui.screens.stop_text import gauge_text, stop_rows
from tui.widgets.text import facts, lines_of
from tui.widgets.theme import STYLES, Tone, change_tone

_OLD_SECONDS = 60
"""A price older than this is marked: feeds tick every few seconds in session."""


class PriceAge(NamedTuple):
    """How old a price is, in whole seconds; None without one."""

    seconds: int | None
    text: str
    tone: Tone


def price_age(row: PositionRow, now: datetime) -> PriceAge:
    if row.quoted_at is None:
        return PriceAge(None, fmt.NOT_KNOWN, Tone.WARN)
    seconds = int((now - row.quoted_at).total_seconds())
    return PriceAge(seconds, fmt.age(seconds), Tone.DIM if seconds < _OLD_SECONDS else Tone.WARN)


def holding_of(code: BondCode, snapshot: Snapshot | None) -> PositionRow | None:
    """The holding of this bond; None where there is none, or where it is not known."""
    rows = () if snapshot is None or isinstance(snapshot.positions, Unknown) else snapshot.positions.value
    return next((row for row in rows if row.code == code), None)


def holding_details(row: PositionRow, now: datetime) -> Text:
    """All of it, a line for each."""
    ours, yours = fmt.volume(row.ours), fmt.volume(row.volume - row.ours)
    day = say("{change}  from {price}", change=fmt.ratio(row.day_change), price=fmt.price(row.prev_close))
    held, cost, last, profit = _held(row, now)
    return facts(
        [
            held,
            (say("Ours"), say("{volume} 张 (the strategy's: may be sold by it)", volume=ours), Tone.TEXT),
            (say("Yours"), say("{volume} 张 (left alone)", volume=yours), Tone.TEXT),
            cost,
            last,
            (say("Day"), day, change_tone(row.day_change)),
            (say("Value"), fmt.cny(fmt.money(row.value)), Tone.TEXT),
            profit,
            (say("State"), say(row.state) or say("nothing to report"), Tone.TEXT),
            *stop_rows(row),
        ]
    )


def holding_below(code: BondCode, snapshot: Snapshot) -> Text:
    """The same in short, under a row that is about something else; nothing where nothing is held."""
    text, row = Text().append(f"\n\n{say('Position')}\n", STYLES[Tone.TITLE]), holding_of(code, snapshot)
    if isinstance(snapshot.positions, Unknown):
        return text.append(say("not known"), STYLES[Tone.WARN])
    return Text() if row is None else text.append_text(facts(_held(row, snapshot.at)))


def gauge_below(row: PositionRow | None, width: int) -> Text:
    """The gauge of its stops; nothing where nothing is held."""
    if row is None or not width:
        return Text()
    return Text("\n\n").append_text(gauge_text(row, width))


def fitting(part: Text, room: Size, *others: Text) -> Text:
    """The part, where the others leave room for it; else nothing."""
    taken = sum(lines_of(text, room.width) for text in (part, *others) if text)
    return part if taken <= room.height else Text()


def _held(row: PositionRow, now: datetime) -> tuple[Fact, Fact, Fact, Fact]:
    quoted = say("no quote")
    if row.quoted_at is not None:
        quoted = say("{time}, {age} old", time=fmt.clock(row.quoted_at), age=price_age(row, now).text)
    held = say("{volume} 张, {sellable} available", volume=fmt.volume(row.volume), sellable=fmt.volume(row.sellable))
    profit = f"{fmt.cny(fmt.signed_money(row.profit))}  {fmt.ratio(row.profit_ratio)}"
    return (
        (say("Held"), held, Tone.STRONG),
        (say("Cost"), fmt.cny(fmt.price(row.cost)), Tone.TEXT),
        (say("Last"), say("{price}  ({quoted})", price=fmt.cny(fmt.price(row.last)), quoted=quoted), Tone.STRONG),
        (say("P/L"), profit, change_tone(row.profit)),
    )
