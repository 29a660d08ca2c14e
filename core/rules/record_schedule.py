"""The schedule that fits a backtest record, and where the one of the settings differs from the record."""

from typing import Any

from core.i18n import mark, say
from core.model.known import Known
from core.model.platform import RecordRule, TradeTiming, every_sessions
from core.model.settings import ScheduleSettings

_PROPOSED = {TradeTiming.CLOSE: "14:50", TradeTiming.OPEN: "09:35"}
"""Times that leave room for the orders: before the close, and once the first prices of the morning are there."""

_FITS = {TradeTiming.CLOSE: ("14:30", "15:00"), TradeTiming.OPEN: ("09:30", "10:00")}


def proposed(rule: RecordRule, schedule: ScheduleSettings) -> ScheduleSettings | None:
    """The schedule that trades as the record does; None where this one does, or nothing is known of the record.

    What the record does not say stays as it is.
    """
    changes: dict[str, Any] = {}
    if isinstance(rule.holding_sessions, Known) and not _fits_holding(rule.holding_sessions.value, schedule):
        every = rule.holding_sessions.value
        changes = {"frequency": "daily"} if every == 1 else {"frequency": "sessions", "every": every}
    if isinstance(rule.trade_timing, Known) and not _fits_timing(rule.trade_timing.value, schedule):
        changes["time"] = _PROPOSED[rule.trade_timing.value]
    return schedule.model_copy(update=changes) if changes else None


def differences(rule: RecordRule, schedule: ScheduleSettings) -> tuple[str, ...]:
    """Where the schedule differs from the record, in sentences. One that is off differs on purpose."""
    if schedule.frequency == "off":
        return ()
    found: list[str] = []
    if isinstance(rule.holding_sessions, Known) and not _fits_holding(rule.holding_sessions.value, schedule):
        found.append(
            say(
                "the record trades {holding}, the schedule {schedule}: results will differ from the backtest",
                holding=every_sessions(rule.holding_sessions.value),
                schedule=_frequency_text(schedule),
            )
        )
    if isinstance(rule.trade_timing, Known) and not _fits_timing(rule.trade_timing.value, schedule):
        found.append(
            say(
                "the record trades {timing}, the schedule at {time}: results will differ from the backtest",
                timing=say(rule.trade_timing.value.words),
                time=schedule.time,
            )
        )
    return tuple(found)


_FREQUENCIES = {"daily": mark("every trading day"), "weekly": mark("weekly"), "monthly": mark("monthly")}


def schedule_text(schedule: ScheduleSettings) -> str:
    """How often the schedule runs and when, in words."""
    if schedule.frequency == "off":
        return say("off: only when you start it")
    return say("{frequency} at {time}", frequency=_frequency_text(schedule), time=schedule.time)


def _frequency_text(schedule: ScheduleSettings) -> str:
    if schedule.frequency == "sessions":
        return every_sessions(schedule.every)
    return say(_FREQUENCIES[schedule.frequency])


def _fits_holding(holding: int, schedule: ScheduleSettings) -> bool:
    every = {"daily": 1, "sessions": schedule.every}.get(schedule.frequency)
    return every == holding


def _fits_timing(timing: TradeTiming, schedule: ScheduleSettings) -> bool:
    first, last = _FITS[timing]
    return first <= schedule.time <= last
