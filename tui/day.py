"""What the picture tells of the trading day: the brakes, what comes next and when, what was missed."""

from collections.abc import Sequence

from rich.cells import cell_len

from core.i18n import say
from core.model.known import Known
from core.model.snapshot import Job, MissedRun, PositionRow, Snapshot, StopsSummary
from tui import format as fmt
from tui.widgets.theme import Tone

_STILL_TODAY = frozenset({"pre-open", "opening call", "open", "break"})
"""Sessions in or before which a stop may still fire today."""


def job_texts(job: Job, now: Snapshot) -> tuple[str, ...]:
    """`rebalance 14:50 in 28s`, and shorter: the countdown goes first, the weekday last."""
    when = fmt.moment(job.at, now.at)
    left = fmt.countdown((job.at - now.at).total_seconds())
    bare = when.split(" ", 1)[-1]
    return f"{say(job.name)} {when} {left}", f"{say(job.name)} {when}", bare


def fitting(texts: Sequence[str], width: int) -> str:
    """The first that fits; where none does, the last."""
    return next((text for text in texts if cell_len(text) <= width), texts[-1])


def missed_text(missed: MissedRun, now: Snapshot) -> str:
    """Which run it was, how long ago, why, and what can be done."""
    ago = fmt.ago((now.at - missed.planned_at).total_seconds())
    advice = f"{missed.advice[:1].upper()}{missed.advice[1:]}"
    said = " ".join(f"{part.rstrip('. ')}." for part in (missed.why, advice) if part)
    return say(
        "{name} of {planned_at}, {ago}: {said}",
        name=say(missed.name),
        planned_at=fmt.moment(missed.planned_at, now.at),
        ago=ago,
        said=said,
    )


def stops_text(stops: StopsSummary | None) -> tuple[str, Tone]:
    """How many holdings are guarded, and why not all are."""
    if stops is None:
        return say("not known yet"), Tone.DIM
    if not stops.managed:
        return say("nothing to guard"), Tone.DIM
    note = f": {stops.note}" if stops.note else ""
    all_armed = stops.armed >= stops.managed
    return say(
        "armed {armed}/{managed}{note}", armed=stops.armed, managed=stops.managed, note=note
    ), Tone.GOOD if all_armed else Tone.WARN


def due_today(snapshot: Snapshot) -> tuple[Job, ...]:
    """What the schedule still does today."""
    today = fmt.in_shanghai(snapshot.at).date()
    return tuple(job for job in snapshot.jobs if fmt.in_shanghai(job.at).date() == today)


def guarding(snapshot: Snapshot) -> int:
    """How many stops may still fire today."""
    return snapshot.stops.armed if snapshot.stops is not None and snapshot.session in _STILL_TODAY else 0


def ours(snapshot: Snapshot) -> tuple[PositionRow, ...]:
    """The holdings of which the strategy owns a part; none where they are not known."""
    if not isinstance(snapshot.positions, Known):
        return ()
    return tuple(row for row in snapshot.positions.value if row.ours > 0)
