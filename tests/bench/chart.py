"""`python -m tests.bench.chart`: processor time of drawing a chart, two lines of 250 points on 156x30 cells."""

import statistics
import time
from datetime import date, timedelta
from math import sin

from tui.widgets.chart_data import ChartData, ChartUnit, Plot, line_of
from tui.widgets.chart_drawing import draw

_RUNS = 100
_DAYS = [date(2026, 1, 1) + timedelta(days=day) for day in range(250)]


def milliseconds() -> float:
    """Of one drawing, the median of many; the processor's, so that what else runs does not count."""
    lines = [line_of(f"{wave}", _DAYS, [1e6 + 2e4 * sin(day / wave) for day in range(250)]) for wave in (7, 9)]
    data, taken = ChartData(Plot(tuple(lines), ChartUnit.MONEY)), []
    for _ in range(_RUNS):
        started = time.process_time()
        draw(data, 156, 30)
        taken.append(time.process_time() - started)
    return 1000 * statistics.median(taken)


if __name__ == "__main__":
    print(f"a chart is drawn in {milliseconds():.1f} ms")  # noqa: T201
