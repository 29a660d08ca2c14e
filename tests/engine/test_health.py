"""The machine's health checks, and the health shown for each component."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest

from core.brokers.broker import ConnectionState, ConnectionStatus
from core.calendar.calendar import Calendar
from core.engine.assembly import Components, LastQuotes, RunState
from core.engine.health import SILENCE, HealthMonitor, Pulse
from core.engine.supervisor import Supervisor
from core.infra.clock import RealClock, ScaledClock
from core.model.settings import Settings
from core.model.snapshot import Health, Level
from core.model.time import SHANGHAI
from core.quotes.replay import ReplayFeed

TEN = datetime(2026, 5, 15, 10, 0, tzinfo=SHANGHAI)


class Machine:
    """A steady clock and a time of day that can jump independently."""

    def __init__(self) -> None:
        self.steady = 100.0
        self.day = TEN

    def passes(self, seconds: float) -> None:
        self.steady += seconds
        self.day += timedelta(seconds=seconds)


class WallClock(RealClock):
    """A clock like the real one, on a simulated machine."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(real=lambda: machine.steady)
        self._machine = machine

    def now(self) -> datetime:
        return self._machine.day


def scaled(machine: Machine) -> ScaledClock:
    return ScaledClock(TEN, 60.0, real=lambda: machine.steady)


@pytest.mark.parametrize("made", [WallClock, scaled])
def test_checks_a_second_apart_are_no_sleep(made: Callable[[Machine], ScaledClock]) -> None:
    machine = Machine()
    pulse = Pulse(made(machine))
    for _ in range(5):
        assert pulse.check() == 0.0
        machine.passes(1.5)


@pytest.mark.parametrize("made", [WallClock, scaled])
def test_a_suspended_program_detects_it_once(made: Callable[[Machine], ScaledClock]) -> None:
    machine = Machine()
    pulse = Pulse(made(machine))
    pulse.check()
    machine.passes(600)
    assert pulse.check() == pytest.approx(600)
    machine.passes(1)
    assert pulse.check() == 0.0


def test_a_sleep_that_stops_the_steady_clock_is_detected_by_the_time_of_day() -> None:
    machine = Machine()
    pulse = Pulse(WallClock(machine))
    pulse.check()
    machine.day += timedelta(hours=8)
    assert pulse.check() == pytest.approx(8 * 3600)


def test_a_sleep_is_detected_by_the_steady_clock_if_the_time_of_day_was_set_back() -> None:
    machine = Machine()
    pulse = Pulse(WallClock(machine))
    pulse.check()
    machine.steady += 600
    assert pulse.check() == pytest.approx(600)


def test_setting_the_time_of_day_back_is_no_sleep() -> None:
    machine = Machine()
    pulse = Pulse(WallClock(machine))
    pulse.check()
    machine.day -= timedelta(hours=8)
    assert pulse.check() == 0.0


def test_moving_the_sandbox_s_time_is_no_sleep() -> None:
    machine = Machine()
    clock = scaled(machine)
    pulse = Pulse(clock)
    pulse.check()
    clock.move_to(TEN + timedelta(days=1))
    assert pulse.check() == 0.0


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class Patient:
    """Health checks over fakes of the components they check."""

    def __init__(self, folder: Path, clock: Callable[[Machine], ScaledClock] = WallClock) -> None:
        self.machine = Machine()
        self.clock = clock(self.machine)
        self.broker = SimpleNamespace(connection=ConnectionState(ConnectionStatus.CONNECTED, 1, "12 ms", TEN))
        self.components = SimpleNamespace(
            settings=Settings(),
            clock=self.clock,
            feed=ReplayFeed(),
            calendar=Calendar(),
            order_manager=SimpleNamespace(broker=self.broker),
            platform=SimpleNamespace(token_expires_at=None, renews_itself=False),
            state=RunState(),
        )
        self.account = SimpleNamespace(unanswered=None)
        self.components.rotation = SimpleNamespace(account=self.account)
        self.supervisor = Supervisor(self.clock)
        self.health = HealthMonitor(cast("Components", self.components), folder, self.supervisor)

    def hear(self, age: float = 0.0) -> None:
        """Publish a price with a timestamp `age` seconds ago."""
        self.components.state.watched_at = self.components.state.watched_at or self.machine.steady
        self.components.state.last_quotes = LastQuotes(self.clock.now() - timedelta(seconds=age), self.machine.steady)

    def row(self, name: str) -> Health:
        return next(row for row in self.health.report(self.clock.now()) if row.name == name)

    def told(self, name: str) -> tuple[Level, str]:
        return self.row(name).level, self.row(name).text


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


def free(monkeypatch: pytest.MonkeyPatch, megabytes: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, megabytes * 1_000_000))


@pytest.mark.parametrize(
    ("megabytes", "level", "text"),
    [
        (20_000, Level.GOOD, "20 GB free"),
        (500, Level.GOOD, "0 GB free"),
        (499, Level.WARNING, "499 MB left"),
        (50, Level.WARNING, "50 MB left"),
        (49, Level.ERROR, "49 MB left: orders cannot be written down without room for them"),
    ],
)
def test_a_disk_that_fills_up_is_reported_in_time(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, megabytes: int, level: Level, text: str
) -> None:
    free(monkeypatch, megabytes)
    patient.health.check()
    assert patient.told("disk") == (level, text)


def test_the_disk_is_checked_each_minute(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 20_000)
    patient.health.check()
    free(monkeypatch, 1)
    levels: list[Level] = []
    for _ in range(60):
        patient.machine.passes(1)
        patient.health.check()
        levels.append(patient.row("disk").level)
    assert levels == [Level.GOOD] * 59 + [Level.ERROR]


def test_a_folder_that_takes_no_file_is_an_error_although_the_disk_has_room(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    free(monkeypatch, 20_000)
    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    patient.health.check()
    level, text = patient.told("disk")
    assert level is Level.ERROR
    assert "cannot be written (Read-only file system): no order can be sent until it can" in text


def test_a_disk_that_cannot_be_read_is_not_healthy(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: Path) -> Usage:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", gone)
    patient.health.check()
    level, text = patient.told("disk")
    assert (level, "Input/output error" in text) == (Level.ERROR, True)


@pytest.mark.parametrize(
    ("age", "level", "text"),
    [
        (0.0, Level.GOOD, "ok"),
        (89.0, Level.GOOD, "ok"),
        (-4.9, Level.GOOD, "ok"),
        (-6.0, Level.ERROR, "slow by 6 s against the prices: set the machine's time"),
        (91.0, Level.WARNING, "fast by 91 s against the prices, or these are old"),
    ],
)
def test_the_machine_s_clock_is_compared_with_the_prices(patient: Patient, age: float, level: Level, text: str) -> None:
    patient.hear(age)
    assert patient.told("clock") == (level, text)


def test_clock_tolerance_grows_with_the_sandbox_s_speed(tmp_path: Path) -> None:
    patient = Patient(tmp_path, scaled)
    patient.hear(-6 * 59)
    assert patient.told("clock")[0] is Level.ERROR
    patient.hear(-4 * 60)
    assert patient.told("clock")[0] is Level.GOOD


def test_old_prices_outside_trading_hours_say_nothing_about_the_clock(patient: Patient) -> None:
    patient.machine.passes(6 * 3600)
    patient.hear(3600)
    assert patient.told("clock") == (Level.GOOD, "ok")


def test_a_wake_up_is_shown_for_a_while(patient: Patient, caplog: pytest.LogCaptureFixture) -> None:
    patient.health.check()
    patient.machine.passes(600)
    assert patient.health.check() == pytest.approx(600)
    assert patient.told("clock") == (Level.WARNING, "woke at 10:10:00")
    assert "did not run for 600 s" in caplog.text
    patient.machine.passes(91)
    assert patient.told("clock") == (Level.GOOD, "ok")


def test_missing_prices_in_a_session_are_an_alarm_until_the_next_price(
    patient: Patient, caplog: pytest.LogCaptureFixture
) -> None:
    patient.hear()
    patient.machine.passes(SILENCE)
    assert patient.health.quote_silence() is None
    patient.machine.passes(1)
    with caplog.at_level(logging.INFO):
        assert patient.health.quote_silence() == pytest.approx(SILENCE + 1)
        assert patient.row("quotes").level is Level.ERROR
        patient.health.quote_silence()
        patient.hear()
        assert patient.health.quote_silence() is None
    assert patient.row("quotes").level is Level.GOOD
    assert [text.partition(" ")[0] for text in caplog.messages] == ["no", "quotes"]


def test_a_source_without_any_price_is_silent_since_its_first_request(patient: Patient) -> None:
    patient.components.state.watched_at = patient.machine.steady
    assert patient.told("quotes") == (Level.GOOD, "none yet")
    patient.machine.passes(SILENCE + 1)
    assert patient.told("quotes") == (Level.ERROR, "none yet")


def test_missing_prices_are_no_alarm_if_nothing_is_watched(patient: Patient) -> None:
    patient.machine.passes(600)
    assert patient.health.quote_silence() is None
    assert patient.told("quotes") == (Level.INFO, "none watched")


def test_missing_prices_in_the_break_are_no_alarm(patient: Patient) -> None:
    patient.hear()
    patient.machine.passes(2 * 3600)
    assert patient.health.quote_silence() is None


def test_the_silence_of_the_break_does_not_count_after_it(patient: Patient) -> None:
    patient.hear()
    patient.machine.passes(3 * 3600)  # it is 13:00
    assert patient.health.quote_silence() is None
    patient.machine.passes(SILENCE)
    assert patient.health.quote_silence() is None
    patient.machine.passes(1)
    assert patient.health.quote_silence() == pytest.approx(SILENCE + 1)


def test_broker_health_follows_its_connection_and_its_responses(patient: Patient) -> None:
    assert patient.told("broker") == (Level.GOOD, "12 ms")
    patient.account.unanswered = "no answer"
    assert patient.told("broker") == (Level.ERROR, "no answer")
    patient.broker.connection = ConnectionState(ConnectionStatus.DISCONNECTED, 1, "the terminal is closed", TEN)
    assert patient.told("broker") == (Level.ERROR, "the terminal is closed")


def test_an_expired_login_is_shown(patient: Patient) -> None:
    patient.health.platform = (Level.GOOD, "ok")
    patient.components.platform.token_expires_at = TEN + timedelta(minutes=5)
    assert patient.told("FactorCat") == (Level.GOOD, "ok")
    patient.machine.passes(301)
    assert patient.told("FactorCat") == (Level.WARNING, "its login ended at 10:05")
    patient.components.platform.renews_itself = True
    assert patient.told("FactorCat") == (Level.GOOD, "ok"), "the next request logs in by itself"


async def test_a_failed_component_is_shown_and_recovers(patient: Patient) -> None:
    async def fails() -> None:
        raise OSError("disk full")

    assert patient.told("engine") == (Level.GOOD, "ok")
    patient.supervisor.keep("the beat", fails)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert patient.told("engine") == (Level.WARNING, "the beat restarted: OSError: disk full")
    await patient.supervisor.close()
    patient.machine.passes(301)
    assert patient.told("engine") == (Level.GOOD, "ok")


def test_a_level_names_its_start(patient: Patient) -> None:
    since: list[Any] = []
    up, down = ConnectionStatus.CONNECTED, ConnectionStatus.DISCONNECTED
    for status in (up, up, down, down, up):
        patient.broker.connection = ConnectionState(status, 1, "link", TEN)
        since.append(patient.row("broker").since)
        patient.machine.passes(60)
    assert [(moment - TEN).total_seconds() / 60 for moment in since] == [0, 0, 2, 2, 4]


def test_prices_of_the_last_session_say_nothing_about_the_clock_when_the_next_one_begins(patient: Patient) -> None:
    patient.hear(66_600)
    assert patient.told("clock") == (Level.GOOD, "ok")


def test_the_lunch_break_does_not_make_the_clock_fast(patient: Patient) -> None:
    patient.machine.passes(3 * 3600 + 5)  # 13:00:05, and the newest price is that before the break
    patient.hear(3600 + 1805)
    assert patient.told("clock") == (Level.GOOD, "ok")
