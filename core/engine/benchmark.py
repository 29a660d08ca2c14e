"""The benchmark beside a report's equity."""

from datetime import date

from core.calendar.calendar import Calendar
from core.engine.assembly import Components
from core.i18n import say
from core.model.errors import RefusedError
from core.model.known import Known
from core.model.report import Report
from core.model.series import Benchmark
from core.quotes.index_history import BenchmarkUnavailable
from core.rules.benchmark import beside


class BenchmarkDeclined(RefusedError):
    """There is nothing to compare with; the message says why."""


async def benchmark_of(components: Components, report: Report) -> Benchmark:
    """What the market did meanwhile. Raises `BenchmarkDeclined` where that is not known."""
    if components.benchmark is None:
        raise BenchmarkDeclined(say("There is no benchmark in this mode."))
    if not report.equity:
        raise BenchmarkDeclined(say("There is no equity in these days yet, so there is nothing to compare."))
    try:
        values = await components.benchmark.values()
    except BenchmarkUnavailable as error:
        raise BenchmarkDeclined(say("The benchmark is not known: {error}.", error=str(error).rstrip("."))) from None
    points = beside(report.equity, values.closes, lambda day: _sessions(components.calendar, day))
    if all(point.growth is None for point in points):
        first = f"{report.equity[0].at:%Y-%m-%d}"
        why = say("The benchmark is not known: {source} has no value of {day}.", source=values.source, day=first)
        raise BenchmarkDeclined(why)
    return Benchmark(values.name, values.source, points, values.note)


def _sessions(calendar: Calendar, day: date) -> tuple[date, date] | None:
    """The last session up to this day, and the one before that."""
    last = Known(day) if calendar.is_session(day) == Known(value=True) else calendar.previous_session(day)
    before = calendar.previous_session(last.value) if isinstance(last, Known) else last
    return (last.value, before.value) if isinstance(last, Known) and isinstance(before, Known) else None
