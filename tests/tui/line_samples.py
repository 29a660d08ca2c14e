"""Lines that the engine could answer with: the benchmark of the report, a bond's day."""

from datetime import timedelta
from decimal import Decimal
from math import sin

from core.model.command import ReadBenchmark, ReadDayLine, ReadReport
from core.model.series import Benchmark, BenchmarkPoint, DayLine, PricePoint
from tests.tui.samples import NOW, TODAY, report


def benchmark(command: ReadBenchmark) -> Benchmark:
    """Beside the equity of the report: half of its way, with a day of which nothing is known."""
    points = report(ReadReport(command.first, command.last)).equity
    growth = [None if place == 3 else 1 + (point.growth - 1) / 2 for place, point in enumerate(points)]
    return Benchmark("中证转债", "中证指数", tuple(map(BenchmarkPoint, [point.at for point in points], growth)))


def day_line(command: ReadDayLine) -> DayLine:
    """From the open until now, with two minutes in which nothing came, between the levels of a stop."""
    minutes = [minute for minute in range(228) if minute not in (60, 61)]
    opened, resumed = NOW.replace(hour=9, minute=30, second=0), NOW.replace(hour=13, minute=0, second=0)
    points = tuple(
        PricePoint(
            opened + timedelta(minutes=minute) if minute < 120 else resumed + timedelta(minutes=minute - 120),
            Decimal(121) + Decimal(round(sin(minute / 25) * 900 + minute * 4)) / 1000,
        )
        for minute in minutes
    )
    levels = {"loss": Decimal("112.575"), "profit": Decimal("130.350"), "cost": Decimal("118.500")}
    return DayLine(command.code, "兴业转债", TODAY, points, (60,), Decimal("121.234"), **levels)
