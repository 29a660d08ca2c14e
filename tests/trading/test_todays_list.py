"""A list that was fetched ahead replaces only an answer that is slow or missing, and only of the same record."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.factorcat.client import FactorCatClient
from core.infra.clock import SteppedClock
from core.model.known import Known, Maybe, Unknown
from core.model.platform import Selection
from core.model.settings import FactorCatSettings, Settings, StrategySettings
from core.model.time import SHANGHAI
from core.trading.todays_list import TodaysList
from tests.factorcat.server import Server, answer, drip, reset, set_timeout, silence

RUN = datetime(2026, 5, 15, 14, 50, tzinfo=SHANGHAI)
LEAD = timedelta(seconds=40)
SELECT = "/bond-selection/today-bond-selection"


def of(code: str) -> list[dict[str, Any]]:
    row = {"kzz_code": code, "name": "x", "price": 1.0, "trade_date": "2026-05-15"}
    return [{"selected_bonds": [row]}]


def following(history: int = 42) -> Settings:
    followed = StrategySettings(strategy_id=7, history_id=history)
    return Settings(strategy=followed, factorcat=FactorCatSettings(timeout=30))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    await server.start()
    server.on("/auth/login", answer(200, {"access_token": "a.b.c", "token_type": "bearer", "username": "u"}))
    server.on(SELECT, answer(200, of("113052")))
    yield server
    await server.stop()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(RUN - LEAD)


@pytest.fixture
async def platform(server: Server, clock: SteppedClock) -> AsyncIterator[FactorCatClient]:
    client = FactorCatClient(server.url, version="1", clock=clock)
    await client.login("u", "a-long-password")
    yield client
    await client.aclose()


@pytest.fixture
async def ahead(platform: FactorCatClient, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch) -> TodaysList:
    """The list was fetched ahead, and it is 14:50 now."""
    monkeypatch.setattr("core.trading.todays_list._PATIENCE", 0.3)
    made = TodaysList(following(), platform, clock)
    await made.fetch_ahead()
    clock.move_to(RUN)
    return made


def codes(found: Maybe[Selection]) -> tuple[str, ...] | str:
    return found.value.codes if isinstance(found, Known) else found.reason


@pytest.mark.parametrize(
    "reply",
    [silence(), drip(of("110043")), reset(), answer(503, {"detail": "busy"})],
    ids=["silent", "slow", "away", "503"],
)
async def test_a_platform_that_is_slow_or_away_costs_the_run_nothing(
    ahead: TodaysList, server: Server, reply: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server.on(SELECT, reply)
    assert codes(await ahead.fetch()) == ("113052.SH",)
    assert "the list fetched at 14:49:20 is used" in caplog.text


async def test_the_newest_list_goes_first(ahead: TodaysList, server: Server) -> None:
    """A platform that publishes at 14:50 is not traded on its list of 14:49."""
    server.on(SELECT, answer(200, of("110043")))
    assert codes(await ahead.fetch()) == ("110043.SH",)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (answer(200, [{"selected_bonds": [{"name": "x"}]}]), "refused as a whole"),
        (answer(200, []), "none came"),
        (answer(404, {"detail": "this record was deleted"}), "was deleted"),
        (answer(403, {"detail": "not yours any more"}), "not yours"),
    ],
)
async def test_a_list_that_is_refused_now_is_not_replaced_by_an_earlier_one(
    ahead: TodaysList, server: Server, reply: Any, words: str
) -> None:
    server.on(SELECT, reply)
    found = await ahead.fetch()
    assert isinstance(found, Unknown)
    assert words in found.reason


async def test_a_list_of_another_record_is_not_used(ahead: TodaysList, server: Server) -> None:
    ahead.use_settings(following(43))
    server.on(SELECT, reset())
    found = await ahead.fetch()
    assert isinstance(found, Unknown)
    assert server.last(SELECT).json == {"strategy_history_id": 43}


async def test_the_record_that_is_chosen_while_the_platform_is_slow_does_not_get_the_other_s_list(
    ahead: TodaysList, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def chosen_meanwhile(*_: Any) -> Selection:
        ahead.use_settings(following(43))
        raise TimeoutError

    monkeypatch.setattr(ahead._platform, "selection", chosen_meanwhile)  # pyright: ignore[reportPrivateUsage]
    assert isinstance(await ahead.fetch(), Unknown)


async def test_a_list_of_another_user_is_not_used(ahead: TodaysList, platform: FactorCatClient, server: Server) -> None:
    server.on("/auth/login", answer(200, {"access_token": "d.e.f", "token_type": "bearer", "username": "other"}))
    await platform.login("other", "a-long-password")
    server.on(SELECT, reset())
    assert isinstance(await ahead.fetch(), Unknown)


async def test_after_a_logout_no_list_is_used(ahead: TodaysList, platform: FactorCatClient) -> None:
    platform.logout()
    found = await ahead.fetch()
    assert isinstance(found, Unknown)
    assert "Not logged in" in found.reason


@pytest.mark.parametrize(("late", "used"), [(90, True), (91, False), (86_400, False)])
async def test_a_list_fetched_ahead_is_soon_too_old(
    ahead: TodaysList, server: Server, clock: SteppedClock, late: int, used: bool
) -> None:
    clock.move_to(RUN + timedelta(seconds=late))
    server.on(SELECT, silence() if used else reset())
    assert isinstance(await ahead.fetch(), Known) is used


async def test_a_fetch_that_fails_leaves_the_run_to_ask_itself(
    platform: FactorCatClient, server: Server, clock: SteppedClock
) -> None:
    todays_list = TodaysList(following(), platform, clock)
    server.on(SELECT, answer(500, {"detail": "no"}), answer(200, of("110043")))
    await todays_list.fetch_ahead()
    assert codes(await todays_list.fetch()) == ("110043.SH",)


async def test_an_older_list_does_not_outlive_a_fetch_that_fails(
    ahead: TodaysList, server: Server, clock: SteppedClock
) -> None:
    server.on(SELECT, answer(500, {"detail": "no"}))
    await ahead.fetch_ahead()
    server.on(SELECT, reset())
    assert isinstance(await ahead.fetch(), Unknown)


async def test_nothing_is_asked_without_a_record_or_a_login(
    platform: FactorCatClient, server: Server, clock: SteppedClock
) -> None:
    await TodaysList(Settings(), platform, clock).fetch_ahead()
    platform.logout()
    await TodaysList(following(), platform, clock).fetch_ahead()
    assert server.count(SELECT) == 0


@pytest.mark.parametrize(
    ("after", "due"),
    [
        (RUN - timedelta(hours=1), RUN - LEAD),
        (RUN - LEAD - timedelta(seconds=1), RUN - LEAD),
        (RUN - LEAD, RUN + timedelta(minutes=10) - LEAD),
        (RUN, RUN + timedelta(minutes=10) - LEAD),
        (RUN + timedelta(minutes=10), None),
    ],
)
async def test_the_list_is_fetched_a_slow_answer_before_each_run(
    platform: FactorCatClient, clock: SteppedClock, after: datetime, due: datetime | None
) -> None:
    todays_list = TodaysList(following(), platform, clock)

    def at(moment: datetime) -> Any:
        return lambda after: moment if moment > after else None

    assert todays_list.next_fetch(after, at(RUN + timedelta(minutes=10)), at(RUN)) == due
    assert todays_list.next_fetch(after) is None


@pytest.mark.parametrize("reply", [silence(), reset()], ids=["silent", "away"])
async def test_an_empty_list_that_was_fetched_ahead_is_not_used(
    platform: FactorCatClient, server: Server, clock: SteppedClock, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.trading.todays_list._PATIENCE", 0.3)
    server.on(SELECT, answer(200, [{"selected_bonds": []}]))
    made = TodaysList(following(), platform, clock)
    await made.fetch_ahead()
    clock.move_to(RUN)
    set_timeout(platform, 0.5)
    server.on(SELECT, reply)
    assert isinstance(await made.fetch(), Unknown)
