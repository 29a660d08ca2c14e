"""Each dialect of the embedded platform has its form on the wire, and the client reads it like the plain one."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import httpx
import pytest

from core.factorcat.client import FactorCatClient
from core.factorcat.errors import ServerRefused
from core.infra.clock import SteppedClock
from core.model.known import Known
from core.model.time import SHANGHAI
from core.rules.record_parameters import rule_of
from core.sandbox.dialects import SLOW_SECONDS, Dialect
from core.sandbox.market import SandboxMarket
from core.sandbox.platform import EmbeddedPlatform
from core.sandbox.recorded import SandboxData
from core.sandbox.strategies import FIRST_RECORD, FIRST_STRATEGY
from tests.sampled import sampled

MONDAY = datetime(2026, 5, 18, 14, 50, tzinfo=SHANGHAI)
RECORD = f"/strategies/{FIRST_STRATEGY}/histories/{FIRST_RECORD}"
PAIRS = [pair for pair in combinations(Dialect, 2) if Dialect.TEXT_NUMBERS in pair or Dialect.LAST_SESSION in pair]
DATES = (Dialect.COMPACT_DATES, Dialect.SLASHED_DATES, Dialect.NUMERIC_DATES, Dialect.DATES_WITH_TIMES)


class Spoken:
    """A client that is logged in to a platform of these dialects."""

    def __init__(self, data: SandboxData, *dialects: Dialect) -> None:
        self.clock = SteppedClock(MONDAY)
        self.transport = EmbeddedPlatform(SandboxMarket(self.clock, data), self.clock, dialects)
        self.client = FactorCatClient("http://127.0.0.1", version="1", clock=self.clock, transport=self.transport)

    async def wire(self, method: str, path: str, body: object = None) -> Any:
        token = self.client.token
        headers = {"Authorization": f"Bearer {token.get_secret_value() if token else ''}"}
        async with httpx.AsyncClient(transport=self.transport, base_url="http://127.0.0.1", headers=headers) as http:
            answer = await http.request(method, path, json=body)
        return json.loads(answer.content)

    async def rows(self) -> list[dict[str, Any]]:
        body = {"strategy_history_id": FIRST_RECORD}
        return (await self.wire("POST", "/bond-selection/today-bond-selection", body))[0]["selected_bonds"]


async def time_of_the_list(each: Spoken) -> timedelta:
    asked = each.clock.now()
    await each.rows()
    return each.clock.now() - asked


@asynccontextmanager
async def spoken(data: SandboxData, *dialects: Dialect) -> AsyncIterator[Spoken]:
    each = Spoken(data, *dialects)
    await each.client.login("trader", "x")
    try:
        yield each
    finally:
        await each.client.aclose()


async def row(each: Spoken) -> dict[str, Any]:
    return (await each.rows())[0]


async def first_record(each: Spoken) -> dict[str, Any]:
    return (await each.wire("GET", f"/strategies/{FIRST_STRATEGY}/histories"))["items"][0]


FORMS = {
    Dialect.CODES_ONLY: (row, lambda row: set(row) == {"kzz_code", "trade_date"}),
    Dialect.LAST_SESSION: (row, lambda row: row["trade_date"] == "2026-05-15"),
    Dialect.COMPACT_DATES: (row, lambda row: row["trade_date"] == "20260518"),
    Dialect.SLASHED_DATES: (row, lambda row: row["trade_date"] == "2026/05/18"),
    Dialect.NUMERIC_DATES: (row, lambda row: row["trade_date"] == 20260518),
    Dialect.DATES_WITH_TIMES: (row, lambda row: row["trade_date"] == "2026-05-18 15:00:00"),
    Dialect.TEXT_NUMBERS: (row, lambda row: float(row["price"]) > 0 and isinstance(row["price"], str)),
    Dialect.PERCENT: (first_record, lambda record: record["win_rate"] > 1),
    Dialect.HOLDING_PERIOD: (
        lambda each: each.wire("GET", f"{RECORD}/parameters"),
        lambda answer: answer["parameters"].get("bond_selection_params") == {"top_n": 10, "holding_days": 5},
    ),
    Dialect.OLDER_PAGES: (
        lambda each: each.wire("GET", "/strategies/"),
        lambda answer: set(answer) == {"strategies", "total"} and answer["strategies"][0]["id"] == "1",
    ),
    Dialect.NO_DETAIL: (
        lambda each: each.wire("GET", RECORD),
        lambda answer: answer.get("detail") == "Internal Server Error",
    ),
    Dialect.NO_LONG_TERM_TOKEN: (
        lambda each: each.wire("POST", "/auth/generate-long-term-token"),
        lambda answer: answer == {"detail": "Not Found"},
    ),
    Dialect.SLOW: (time_of_the_list, lambda taken: taken == timedelta(seconds=SLOW_SECONDS)),
}


@pytest.mark.parametrize("dialect", sampled(Dialect, 5))
async def test_a_dialect_has_its_form_on_the_wire_and_the_plain_one_has_not(
    data: SandboxData, dialect: Dialect
) -> None:
    ask, holds = FORMS[dialect]
    async with spoken(data, dialect) as each, spoken(data) as plain:
        assert holds(await ask(each))
        assert not holds(await ask(plain))


async def everything(each: Spoken) -> tuple[Any, ...]:
    """What a day needs of the platform, as the client reads it."""
    client = each.client
    strategies = await client.strategies()
    records = await client.records(FIRST_STRATEGY)
    selection = await client.selection(FIRST_STRATEGY, FIRST_RECORD)
    stops = await client.parameters(FIRST_STRATEGY, FIRST_RECORD)
    return (
        [(strategy.id, strategy.name) for strategy in strategies.items],
        [(record.id, pytest.approx(record.win_rate), pytest.approx(record.max_drawdown)) for record in records.items],
        [bond.code for bond in selection.bonds],
        [float(stops[name]) for name in ("profitTargetRatio", "stopLossRatio")],
    )


@pytest.fixture(scope="module")
def plain_form(data: SandboxData) -> tuple[Any, ...]:
    async def read() -> tuple[Any, ...]:
        async with spoken(data) as plain:
            return await everything(plain)

    return asyncio.run(read())


@pytest.mark.parametrize(
    "dialects",
    [
        pytest.param(each, marks=() if number < 4 else pytest.mark.slow)
        for number, each in enumerate((*((each,) for each in Dialect), *PAIRS))
    ],
    ids="+".join,
)
async def test_the_client_reads_a_dialect_like_the_plain_form(
    data: SandboxData, plain_form: tuple[Any, ...], dialects: tuple[Dialect, ...]
) -> None:
    async with spoken(data, *dialects) as each:
        assert await everything(each) == plain_form


async def test_the_list_of_the_last_session_keeps_its_date(data: SandboxData) -> None:
    for date in DATES:
        async with spoken(data, Dialect.LAST_SESSION, date) as each:
            selection = await each.client.selection(FIRST_STRATEGY, FIRST_RECORD)
            assert selection.trade_date == MONDAY.date() - timedelta(days=3), date


async def test_a_missing_detail_leaves_the_parameters(data: SandboxData) -> None:
    async with spoken(data, Dialect.NO_DETAIL, Dialect.HOLDING_PERIOD) as each:
        with pytest.raises(ServerRefused):
            await each.client.detail(FIRST_STRATEGY, FIRST_RECORD)
        rule = rule_of(Known(await each.client.parameters(FIRST_STRATEGY, FIRST_RECORD)))
        assert (rule.holding_sessions, rule.top_n) == (Known(5), Known(10))
