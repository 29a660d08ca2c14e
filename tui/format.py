"""Values as the user reads them: money, prices, ratios, times, and text cut to terminal cells."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from rich.cells import cell_len, set_cell_size

from core.i18n import joined, listed, mark, say, say_many, sentences
from core.model.known import Known, Maybe
from core.model.parameter_names import parameter_name
from core.model.platform import RecordRule, every_sessions
from core.model.quote import SessionPhase
from core.model.snapshot import Job, MissedRun, PositionRow, Snapshot, StopsSummary
from core.model.time import SHANGHAI
from tui.widgets.theme import Tone

T = TypeVar("T")

NOT_KNOWN = "--"
_WEEKDAYS = (mark("Mon"), mark("Tue"), mark("Wed"), mark("Thu"), mark("Fri"), mark("Sat"), mark("Sun"))

Number = Decimal | float | int

_COUNTED: Mapping[str, Callable[[int], str]] = {
    "bond": lambda count: say_many("{count} bond", "{count} bonds", count),
    "day": lambda count: say_many("{count} day", "{count} days", count),
    "holding": lambda count: say_many("{count} holding", "{count} holdings", count),
    "order": lambda count: say_many("{count} order", "{count} orders", count),
    "reason": lambda count: say_many("{count} reason", "{count} reasons", count),
    "record": lambda count: say_many("{count} record", "{count} records", count),
    "strategy": lambda count: say_many("{count} strategy", "{count} strategies", count),
    "open order": lambda count: say_many("{count} open order", "{count} open orders", count),
}


def money(amount: Number | None) -> str:
    """CNY with thousands separators: `1,234.50`."""
    return NOT_KNOWN if amount is None else f"{amount:,.2f}"


def signed_money(amount: Number | None) -> str:
    return NOT_KNOWN if amount is None else f"{amount:+,.2f}"


def cny(figure: str) -> str:
    """An amount or a price with its unit: `1,234.50 CNY`."""
    return say("{value} CNY", value=figure)


def price(value: Number | None) -> str:
    """CNY per 张 on the exchange's tick: `101.234`."""
    return NOT_KNOWN if value is None else f"{value:,.3f}"


def ratio(value: Number | None) -> str:
    """A change, with its sign: 0.0123 is `+1.23%`."""
    return NOT_KNOWN if value is None else f"{value * 100:+,.2f}%"


def share(value: Number | None) -> str:
    """A part of a whole, without a sign: 0.61 is `61.0%`."""
    return NOT_KNOWN if value is None else f"{value * 100:,.1f}%"


def volume(count: int) -> str:
    """张, without separators: columns of them are narrow."""
    return str(count)


def in_shanghai(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(SHANGHAI)


def clock(moment: datetime | None) -> str:
    """Shanghai time of day: `14:49:32`."""
    return NOT_KNOWN if moment is None else f"{in_shanghai(moment):%H:%M:%S}"


def since(moment: datetime, now: datetime) -> str:
    """A moment as a label: `09:30`, on another day `05-14`."""
    moment, now = in_shanghai(moment), in_shanghai(now)
    return f"{moment:%H:%M}" if moment.date() == now.date() else f"{moment:%m-%d}"


def age(seconds: float) -> str:
    """How old something is, in one unit: `4s`, `3m`, `2h`, `5d`."""
    seconds = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def duration(seconds: float) -> str:
    """A length of time as `0:28`, minutes and seconds."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    return f"{minutes}:{rest:02d}"


def span(seconds: float) -> str:
    """A length of time that nobody takes for a time of day: `28s`, `12m05s`, `3h05m`, `4d`."""
    seconds = max(0, int(seconds))
    if seconds >= 2 * 86400:
        return f"{seconds // 86400}d"
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def countdown(seconds: float) -> str:
    """How long until something: `in 28s`; what is late is `due now`."""
    return say("in {seconds}", seconds=span(seconds)) if seconds >= 1 else say("due now")


def ago(seconds: float) -> str:
    """How long ago, in words: `40 s ago`, `12 min ago`, `3 h 05 min ago`, `2 days ago`."""
    seconds = max(0, int(seconds))
    if seconds >= 86400:
        return say("{seconds} ago", seconds=plural(seconds // 86400, "day"))
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return say("{hours} h {minutes:02d} min ago", hours=hours, minutes=minutes)
    return say("{minutes} min ago", minutes=minutes) if minutes else say("{seconds} s ago", seconds=seconds)


def moment(at: datetime, now: datetime) -> str:
    """A time of day, with its day where that is not today: `14:50`, `Mon 05-18 14:50`."""
    at, now = in_shanghai(at), in_shanghai(now)
    day = "" if at.date() == now.date() else f"{say(_WEEKDAYS[at.weekday()])} {at:%m-%d} "
    return f"{day}{at:%H:%M}"


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Exactly `width` terminal cells; what does not fit ends in `~`, which is one cell wide everywhere."""
    length = cell_len(text)
    if length > width:
        return set_cell_size(set_cell_size(text, width - 1) + "~", width) if width > 0 else ""
    padding = " " * (width - length)
    return padding + text if right else text + padding


def one_line(text: str) -> str:
    """Text for a table: line breaks and tabs become spaces, what would move the cursor goes."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def plural(count: int, noun: str) -> str:
    """`1 strategy`, `3 strategies`."""
    return _COUNTED[noun](count)


def plain_value(value: object) -> str:
    """A value of the platform's free-form detail on one line."""
    if value is None:
        return NOT_KNOWN
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return one_line(listed(f"{parameter_name(str(key))} {plain_value(item)}" for key, item in value.items()))
    if isinstance(value, list | tuple):
        return one_line(listed(plain_value(item) for item in value))
    return one_line(str(value))


def rule_rows(rule: RecordRule) -> list[tuple[str, str, Tone]]:
    """How a record trades, a line for each part; for what is not known, why."""
    holding, bonds, timing, index = rule.holding_sessions, rule.top_n, rule.trade_timing, rule.uses_timing
    found: list[tuple[str, Maybe[str]]] = [
        (say("Rebalances"), _mapped(holding, every_sessions)),
        (say("Holds"), _mapped(bonds, lambda count: plural(count, "bond"))),
        (say("Trades"), _mapped(timing, lambda value: say(value.words))),
        (say("Timing"), _mapped(index, lambda used: say("used: its list may be empty") if used else say("not used"))),
    ]
    return [
        (label, text.value, Tone.TEXT) if isinstance(text, Known) else (label, text.reason, Tone.WARN)
        for label, text in found
    ]


def rule_text(rule: RecordRule) -> str:
    """What is known of how a record trades, on one line."""
    return joined(text for _, text, tone in rule_rows(rule)[:3] if tone is Tone.TEXT) or say("not known")


def stop_rows(rule: RecordRule) -> list[tuple[str, str, Tone]]:
    """The record's own stops, a line for each; for one that is not known, why."""
    found = [
        (say("Stop-loss"), _mapped(rule.stop_loss, stop_text)),
        (say("Take-profit"), _mapped(rule.take_profit, stop_text)),
    ]
    return [
        (label, text.value, Tone.TEXT) if isinstance(text, Known) else (label, text.reason, Tone.WARN)
        for label, text in found
    ]


def stop_text(ratio: Decimal | None) -> str:
    """A ratio of a stop as `5%`; None is a record without this stop."""
    return say("none", context="stop") if ratio is None else f"{(ratio * 100).normalize():f}%"


def _mapped(found: Maybe[T], words: Callable[[T], str]) -> Maybe[str]:
    return Known(words(found.value)) if isinstance(found, Known) else found


_PHASES_WITH_STOPS = frozenset(
    {SessionPhase.PRE_OPEN, SessionPhase.OPENING_CALL, SessionPhase.OPEN, SessionPhase.BREAK}
)
"""Sessions in or before which a stop may still fire today."""


def job_texts(job: Job, now: Snapshot) -> tuple[str, ...]:
    """`rebalance 14:50 in 28s`, and shorter: the countdown goes first, the weekday last."""
    when = moment(job.at, now.at)
    left = countdown((job.at - now.at).total_seconds())
    bare = when.split(" ", 1)[-1]
    return f"{say(job.name)} {when} {left}", f"{say(job.name)} {when}", bare


def first_fitting(texts: Sequence[str], width: int) -> str:
    """The first that fits; where none does, the last."""
    return next((text for text in texts if cell_len(text) <= width), texts[-1])


def missed_text(missed: MissedRun, now: Snapshot) -> str:
    """Which run it was, how long ago, why, and what can be done."""
    past = ago((now.at - missed.planned_at).total_seconds())
    advice = f"{missed.advice[:1].upper()}{missed.advice[1:]}"
    said = sentences(part for part in (missed.why, advice) if part)
    return say(
        "{name} of {planned_at}, {ago}: {said}",
        name=say(missed.name),
        planned_at=moment(missed.planned_at, now.at),
        ago=past,
        said=said,
    )


def stops_text(stops: StopsSummary | None) -> tuple[str, Tone]:
    """How many holdings are guarded, and why not all are."""
    if stops is None:
        return say("not known yet"), Tone.DIM
    if not stops.managed:
        return say("not set") if stops.not_set else say("nothing to guard"), Tone.DIM
    note = f": {stops.note}" if stops.note else ""
    all_armed = stops.armed >= stops.managed
    return say(
        "armed {armed}/{managed}{note}", armed=stops.armed, managed=stops.managed, note=note
    ), Tone.GOOD if all_armed else Tone.WARN


def due_today(snapshot: Snapshot) -> tuple[Job, ...]:
    """What the schedule still does today."""
    today = in_shanghai(snapshot.at).date()
    return tuple(job for job in snapshot.jobs if in_shanghai(job.at).date() == today)


def armed_stops(snapshot: Snapshot) -> int:
    """How many stops may still fire today."""
    return snapshot.stops.armed if snapshot.stops is not None and snapshot.session in _PHASES_WITH_STOPS else 0


def ours(snapshot: Snapshot) -> tuple[PositionRow, ...]:
    """The holdings of which the strategy owns a part; none where they are not known."""
    if not isinstance(snapshot.positions, Known):
        return ()
    return tuple(row for row in snapshot.positions.value if row.ours > 0)
