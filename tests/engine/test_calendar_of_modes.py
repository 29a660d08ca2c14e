"""The calendar an engine uses: the data folder's, and after its end weekdays in paper mode only."""

import logging
from datetime import date, datetime
from pathlib import Path

import pytest

from core.engine.assembly import SANDBOX_TIME, build
from core.infra.database import open_database
from core.infra.home import Home
from core.model.known import Known, Unknown
from core.model.settings import Settings
from core.model.time import SHANGHAI
from core.trading.state_store import TRADING, StateStore
from tests.calendar.session_lists import IN_2027, list_file

BEYOND = date(2027, 1, 4)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


async def test_paper_mode_continues_after_the_calendar_s_end_and_the_sandbox_does_not(home: Home) -> None:
    paper, sandbox = build(home, Settings(mode="paper")), build(home, Settings(mode="sandbox"))
    assert paper.calendar.is_session(BEYOND) == Known(True)
    assert isinstance(sandbox.calendar.is_session(BEYOND), Unknown)
    for components in (paper, sandbox):
        await components.close()


@pytest.mark.parametrize("mode", ["paper", "sandbox"])
async def test_the_data_folder_s_file_extends_the_shipped_sessions(home: Home, mode: str) -> None:
    list_file(home.path, IN_2027)
    components = build(home, Settings.model_validate({"mode": mode}))
    assert components.calendar.verified_through == IN_2027[-1]
    await components.close()


async def test_the_sandbox_continues_into_the_file_s_sessions(home: Home) -> None:
    list_file(home.path, IN_2027)
    database = open_database(home.database, TRADING)
    StateStore(database).keep(SANDBOX_TIME, datetime(2027, 1, 4, 15, 0, tzinfo=SHANGHAI).isoformat())
    database.close()
    components = build(home, Settings(mode="sandbox"))
    assert components.clock.now().date() == date(2027, 1, 5)
    await components.close()


async def test_an_invalid_file_is_logged_and_not_used(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    home.calendar_file.write_bytes(b"\x80")
    with caplog.at_level(logging.WARNING):
        components = build(home, Settings(mode="sandbox"))
    assert isinstance(components.calendar.is_session(BEYOND), Unknown)
    assert components.calendar.trouble in caplog.messages
    await components.close()
