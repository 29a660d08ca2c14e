"""Lines that the engine could answer with: the benchmark of the report, a bond's day."""

from datetime import timedelta
from decimal import Decimal
from math import sin

from core.model.bond import BondCode
from core.model.command import ReadBenchmark, ReadDayLine, ReadReport
from core.model.series import Benchmark, BenchmarkPoint, DayLine, PricePoint
from tests.tui.samples import BONDS, NOW, TODAY, last, name, positions, report


def benchmark(command: ReadBenchmark) -> Benchmark:
    """Beside the equity of the report: half of its way, with a day of which nothing is known."""
    points = report(ReadReport(command.first, command.last)).equity
    growth = [None if place == 3 else 1 + (point.growth - 1) / 2 for place, point in enumerate(points)]
    return Benchmark("中证转债", "中证指数", tuple(map(BenchmarkPoint, [point.at for point in points], growth)))


def day_line(command: ReadDayLine) -> DayLine:
    """From the open until now, with two minutes in which nothing came, between the levels of a stop."""
    number = next((place for place, (digits, _, _) in enumerate(BONDS) if BondCode(digits) == command.code), 0)
    held = next((row for row in positions() if row.code == command.code), None)
    close = held.prev_close if held is not None and held.prev_close else last(number)
    minutes = [minute for minute in range(228) if minute not in (60, 61)]
    opened, resumed = NOW.replace(hour=9, minute=30, second=0), NOW.replace(hour=13, minute=0, second=0)
    points = tuple(
        PricePoint(
            opened + timedelta(minutes=minute) if minute < 120 else resumed + timedelta(minutes=minute - 120),
            round(close * (1 + Decimal(round(sin(minute / 25) * 90 + minute * 0.3)) / 10_000), 3),
        )
        for minute in minutes
    )
    stop = held.stop if held is not None else None
    levels = (stop.loss, stop.profit, held.cost) if held is not None and stop is not None else (None, None, None)
    return DayLine(command.code, name(number), TODAY, points, (60,), close, *levels)
