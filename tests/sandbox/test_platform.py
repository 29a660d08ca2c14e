"""The embedded platform has the real platform's API: over a transport and over a real socket."""

import asyncio
import base64
import json
import re
import time as real_time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any

import h11
import httpx
import pytest

from core.bonds.eligibility import Eligibility
from core.calendar.calendar import Calendar
from core.i18n import use_language
from core.infra.clock import SteppedClock
from core.model.bond import BondCode
from core.model.known import Known
from core.model.quote import TradingState
from core.model.settings import GuardSettings
from core.model.time import SHANGHAI
from core.sandbox.bonds import SandboxBondInfo
from core.sandbox.market import SandboxMarket
from core.sandbox.platform import EmbeddedPlatform
from core.sandbox.recorded import SandboxData
from core.sandbox.strategies import FIRST_RECORD, FIRST_STRATEGY, Family, RecipeStops, Rule, backtest, rankings

MORNING = datetime(2026, 5, 15, 10, 0, tzinfo=SHANGHAI)
BASE = "http://sandbox.invalid"
SELECT = "/bond-selection/today-bond-selection"


class Platform:
    """An embedded platform, its market, its clock, and a logged-in client."""

    def __init__(self, data: SandboxData) -> None:
        self.clock = SteppedClock(MORNING)
        self.market = SandboxMarket(self.clock, data)
        self.transport = EmbeddedPlatform(self.market, self.clock)
        self.http = httpx.AsyncClient(transport=self.transport, base_url=BASE)

    async def login(self) -> str:
        answer = await self.http.post("/auth/login", json={"username": "trader", "password": "x"})
        assert answer.status_code == 200
        token = answer.json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"
        return token

    async def get(self, path: str, **params: int | str) -> Any:
        answer = await self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def platform(data: SandboxData) -> AsyncIterator[Platform]:
    platform = Platform(data)
    await platform.login()
    yield platform
    await platform.http.aclose()


def claims(token: str) -> dict[str, Any]:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


async def test_login_gives_a_token_that_ends_twelve_hours_later(platform: Platform) -> None:
    answer = await platform.http.post("/auth/login", json={"username": "trader", "password": "secret"})
    body = answer.json()
    assert {key: body[key] for key in ("token_type", "username", "role_name")} == {
        "token_type": "bearer",
        "username": "trader",
        "role_name": "sandbox",
    }
    assert claims(body["access_token"])["exp"] == (MORNING + timedelta(hours=12)).timestamp()
    header = json.loads(base64.urlsafe_b64decode(body["access_token"].split(".")[0] + "=="))
    assert header == {"alg": "none", "typ": "JWT"}


async def test_the_long_term_token_lasts_thirty_days(platform: Platform) -> None:
    answer = await platform.http.post("/auth/generate-long-term-token")
    token = answer.json()["access_token"]
    assert claims(token)["exp"] == (MORNING + timedelta(days=30)).timestamp()
    platform.clock.move_to(MORNING + timedelta(days=29))
    platform.http.headers["Authorization"] = f"Bearer {token}"
    await platform.get("/strategies/")


def size_of(parameters: dict[str, Any]) -> int:
    return parameters["bond_selection_params"]["top_n"]


CALLS = [
    ("POST", "/auth/generate-long-term-token"),
    ("GET", "/strategies/"),
    ("GET", "/strategies/1/histories"),
    ("GET", "/strategies/1/histories/101"),
    ("GET", "/strategies/1/histories/101/parameters"),
    ("POST", SELECT),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_every_call_needs_a_valid_token(platform: Platform, method: str, path: str) -> None:
    token = await platform.login()
    signed, _, signature = token.rpartition(".")
    forged = f"{signed[:-2]}{'AA' if signed[-2:] != 'AA' else 'BB'}.{signature}"
    del platform.http.headers["Authorization"]

    async def refused(authorization: str | None) -> bool:
        answer = await platform.http.request(
            method,
            path,
            json={"strategy_history_id": 101} if method == "POST" else None,
            headers={} if authorization is None else {"Authorization": authorization},
        )
        return answer.status_code == 401 and isinstance(answer.json()["detail"], str)

    assert not await refused(f"Bearer {token}")
    bad = (None, "", "Bearer", "Bearer x", "Bearer a.b.c", f"Basic {token}", f"Bearer {forged}", f"Bearer {token[:-3]}")
    assert [await refused(authorization) for authorization in bad] == [True] * len(bad)
    platform.clock.move_to(MORNING + timedelta(hours=12))
    assert await refused(f"Bearer {token}")


async def test_a_token_of_another_run_is_refused(data: SandboxData, platform: Platform) -> None:
    other = Platform(data)
    token = await other.login()
    await other.http.aclose()
    answer = await platform.http.get("/strategies/", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"username": "", "password": "x"}', 401),
        (b'{"username": "  ", "password": "x"}', 401),
        (b'{"username": "trader", "password": ""}', 401),
        (b'{"username": "trader"}', 422),
        (b'{"username": 1, "password": "x"}', 422),
        (b"[]", 422),
        (b"not json", 422),
        (b"", 422),
    ],
)
async def test_a_bad_login_is_refused(platform: Platform, body: bytes, status: int) -> None:
    answer = await platform.http.post("/auth/login", content=body)
    assert answer.status_code == status
    assert answer.json()["detail"]


async def test_strategies_are_paged_whole(platform: Platform) -> None:
    first = await platform.get("/strategies/")
    assert (first["page"], first["limit"], len(first["items"])) == (1, 20, 20)
    assert first["total_pages"] == 2
    seen = [item for page in (1, 2, 3, 4) for item in (await platform.get("/strategies/", page=page, limit=7))["items"]]
    assert len(seen) == first["total_count"] == len({item["id"] for item in seen})
    assert seen[:7] == first["items"][:7]
    assert seen[0].keys() == {"id", "name", "description", "backtest_count", "created_at"}
    beyond = await platform.get("/strategies/", page=99)
    assert (beyond["items"], beyond["total_count"]) == ([], len(seen))


async def test_search_filters_by_name(platform: Platform) -> None:
    found = await platform.get("/strategies/", search="PREMIUM, ", limit=100)
    assert 0 < found["total_count"] < 24
    assert all("premium," in item["name"].lower() for item in found["items"])
    nothing = await platform.get("/strategies/", search="no such")
    assert (nothing["items"], nothing["total_count"], nothing["total_pages"]) == ([], 0, 0)


@pytest.mark.parametrize(
    "params", [{"page": "0"}, {"page": "-1"}, {"page": "x"}, {"limit": "0"}, {"limit": "1000"}, {"page": ""}]
)
async def test_bad_paging_is_refused(platform: Platform, params: dict[str, str]) -> None:
    for path in ("/strategies/", "/strategies/1/histories"):
        answer = await platform.http.get(path, params=params)
        assert answer.status_code == 422
        assert next(iter(params)) in answer.json()["detail"]


async def test_records_carry_the_computed_metrics(platform: Platform, data: SandboxData) -> None:
    page = await platform.get("/strategies/1/histories", limit=10, page=2)
    assert (page["page"], page["total_count"], page["total_pages"], len(page["items"])) == (2, 25, 3, 10)
    lists = rankings(data.panel, Rule(Family.DOUBLE_LOW))
    for item in page["items"]:
        parameters = (await platform.get(f"/strategies/1/histories/{item['id']}/parameters"))["parameters"]
        stops = (parameters["profitTargetRatio"], parameters["stopLossRatio"])
        result = backtest(data.panel, lists, size_of(parameters), RecipeStops(*stops) if all(stops) else None)
        assert item == {
            "id": item["id"],
            "backtest_time": "2026-05-15",
            "strategy_return": result.strategy_return,
            "win_rate": result.win_rate,
            "annualized_return": result.annualized_return,
            "max_drawdown": result.max_drawdown,
            "sharpe_ratio": result.sharpe_ratio,
        }


async def test_a_record_lists_its_parameters(platform: Platform) -> None:
    detail = await platform.get("/strategies/1/histories/102")
    assert detail["strategy_name"] == "Double-low"
    assert detail["period"] == "2024-01-05 to 2026-05-15, 119 sessions"
    assert "price + premium" in detail["rule"]
    assert detail["fees"] == "not included"
    assert "recorded closes" in detail["prices"]
    record = (await platform.get("/strategies/1/histories"))["items"][1]
    assert record.items() <= detail.items()


async def test_a_record_carries_its_curves_and_positions_of_the_panel(platform: Platform, data: SandboxData) -> None:
    detail = await platform.get("/strategies/1/histories/102")
    panel = data.panel
    result = backtest(panel, rankings(panel, Rule(Family.DOUBLE_LOW)), 10, None)
    assert [point["date"] for point in detail["equity_curve"]] == [day.isoformat() for day in panel.dates]
    assert [point["value"] for point in detail["equity_curve"]] == [value for _, value in result.equity]
    assert detail["total_return"] == detail["strategy_return"] == result.strategy_return
    assert detail["equity_curve"][-1]["return"] == pytest.approx(result.strategy_return)
    assert detail["daily_positions"][-1]["position"] == list(result.held[-1])
    assert {len(each["position"]) for each in detail["daily_positions"]} == {10}
    assert "equal weights" in detail["benchmark"]
    first, second = (panel.rows(day) for day in panel.dates[:2])
    rises = [float(second[code].close) / float(first[code].close) for code in second if code in first]
    assert [point["value"] for point in detail["benchmark_equity_curve"][:2]] == pytest.approx([1.0, fmean(rises)])
    assert len(detail["benchmark_equity_curve"]) == len(panel.dates)


async def test_stops_are_in_the_parameters(platform: Platform) -> None:
    plain = (await platform.get("/strategies/1/histories/101/parameters"))["parameters"]
    stopped = (await platform.get("/strategies/1/histories/106/parameters"))["parameters"]
    assert (plain["profitTargetRatio"], plain["stopLossRatio"], size_of(plain)) == (0, 0, 5)
    assert (stopped["profitTargetRatio"], stopped["stopLossRatio"]) == (0.1, 0.05)


async def test_one_strategy_lists_suspended_bonds_in_rank_order(platform: Platform) -> None:
    answer = await platform.http.post(SELECT, json={"strategy_history_id": 2502})
    assert answer.status_code == 200
    [only] = answer.json()
    bonds = only["selected_bonds"]
    assert len(bonds) == 10
    assert bonds[0] == {"kzz_code": "128044.SZ", "name": "岭南转债", "price": 71.372, "trade_date": "2026-05-15"}
    assert bonds[1] == {"kzz_code": "110092.SH", "name": "三房转债", "price": 70.053, "trade_date": "2026-05-15"}
    assert bonds[2]["kzz_code"] == "127033.SZ"
    quotes = await platform.market.snapshot([BondCode(bond["kzz_code"]) for bond in bonds])
    states = [quote.value.state if isinstance(quote, Known) else None for quote in quotes.values()]
    halted, trading = TradingState.HALTED, TradingState.CONTINUOUS
    assert states == [halted, trading, halted, *[trading] * 7]


async def test_every_other_list_has_only_bonds_that_trade(platform: Platform) -> None:
    page = await platform.get("/strategies/", limit=100)
    halted = {}
    for strategy in page["items"]:
        answer = await platform.http.post(SELECT, json={"strategy_history_id": strategy["id"] * 100 + 5})
        codes = [BondCode(bond["kzz_code"]) for bond in answer.json()[0]["selected_bonds"]]
        quotes = await platform.market.snapshot(codes)
        states = [quote.value.state for quote in quotes.values() if isinstance(quote, Known)]
        assert len(states) == len(codes)
        halted[strategy["id"]] = states.count(TradingState.HALTED)
    assert halted.pop(25) > 0
    assert set(halted.values()) == {0}


async def test_the_list_that_a_sandbox_follows_first_can_be_bought_whole_and_has_stops(platform: Platform) -> None:
    parameters = await platform.get(f"/strategies/{FIRST_STRATEGY}/histories/{FIRST_RECORD}/parameters")
    assert parameters["parameters"]["profitTargetRatio"] == 0.2
    assert parameters["parameters"]["stopLossRatio"] == 0.1
    answer = await platform.http.post(SELECT, json={"strategy_history_id": FIRST_RECORD})
    codes = [BondCode(bond["kzz_code"]) for bond in answer.json()[0]["selected_bonds"]]
    eligibility = Eligibility(SandboxBondInfo(platform.market.data), Calendar(), GuardSettings(), platform.clock)
    assert len(codes) == size_of(parameters["parameters"]) == 10
    assert not eligibility.not_buyable(codes)


async def test_the_platform_speaks_the_language_in_use(platform: Platform) -> None:
    use_language("zh")
    try:
        page = await platform.get("/strategies/", limit=100)
        found = await platform.get("/strategies/", search="双低")
        detail = await platform.get("/strategies/10/histories/1012")
    finally:
        use_language("en")
    assert page["items"][0]["name"] == "双低"
    assert detail["strategy_name"] == page["items"][9]["name"] == "双低，剩余 0.5 年以上，评级 AA- 及以上"
    assert found["total_count"] == 9
    told = [text for item in page["items"] for text in (item["name"], item["description"])]
    words = {word for text in told for word in re.findall("[A-Za-z]{2,}", text)}
    assert words <= {"AA"}


async def test_no_list_contains_a_refused_code(platform: Platform) -> None:
    page = await platform.get("/strategies/", limit=100)
    for strategy in page["items"]:
        answer = await platform.http.post(SELECT, json={"strategy_history_id": strategy["id"] * 100 + 5})
        codes = [BondCode(bond["kzz_code"]) for bond in answer.json()[0]["selected_bonds"]]
        assert 20 <= len(codes) == len(set(codes)) <= 30


async def test_the_list_changes_each_day(platform: Platform) -> None:
    platform.clock.move_to(MORNING + timedelta(days=5))
    await platform.login()
    answer = await platform.http.post(SELECT, json={"strategy_history_id": 105})
    bonds = answer.json()[0]["selected_bonds"]
    assert {bond["trade_date"] for bond in bonds} == {"2026-05-20"}
    rows = platform.market.rows_for_ranking(platform.market.trading_day())
    scores = [
        float(row.close) + row.premium for bond in bonds for row in [rows[bond["kzz_code"]]] if row.premium is not None
    ]
    assert scores == sorted(scores)
    assert len(scores) == 30


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/strategies/999/histories", None, 404),
        ("GET", "/strategies/1/histories/201", None, 404),
        ("GET", "/strategies/1/histories/201/parameters", None, 404),
        ("GET", "/strategies/999/histories/101", None, 404),
        ("GET", "/strategies/one/histories", None, 404),
        ("GET", "/nothing", None, 404),
        ("GET", "/auth/login", None, 405),
        ("POST", SELECT, {"strategy_history_id": 7}, 404),
        ("POST", SELECT, {"strategy_history_id": "101"}, 422),
        ("POST", SELECT, {"strategy_history_id": True}, 422),
        ("POST", SELECT, {}, 422),
    ],
)
async def test_errors_name_their_reason(
    platform: Platform, method: str, path: str, body: dict[str, object] | None, status: int
) -> None:
    answer = await platform.http.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.json()["detail"]


async def test_backtests_do_not_block_the_loop_and_are_cached(platform: Platform) -> None:
    turns = 0
    request = asyncio.create_task(platform.get("/strategies/2/histories", limit=25))
    while not request.done():
        turns += 1
        await asyncio.sleep(0.001)
    assert turns > 5
    began = real_time.process_time()
    assert await platform.get("/strategies/2/histories", limit=25) == request.result()
    assert real_time.process_time() - began < 0.1


@asynccontextmanager
async def served(transport: httpx.AsyncBaseTransport) -> AsyncIterator[str]:
    """The transport behind a real socket on loopback; yields its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = h11.Connection(h11.SERVER)
        head: h11.Request | None = None
        content = b""
        while True:
            event = wire.next_event()
            if event is h11.NEED_DATA:
                wire.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                content += event.data
            else:
                break
        if head is not None:
            request = httpx.Request(
                head.method.decode(), f"{BASE}{head.target.decode()}", headers=list(head.headers), content=content
            )
            answer = await transport.handle_async_request(request)
            headers = [*answer.headers.raw, (b"connection", b"close")]
            for event in (
                h11.Response(status_code=answer.status_code, headers=headers),
                h11.Data(data=await answer.aread()),
                h11.EndOfMessage(),
            ):
                writer.write(wire.send(event) or b"")
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_the_platform_over_a_real_socket(platform: Platform) -> None:
    calls = [
        ("GET", "/strategies/?page=2&limit=5&search=low", None),
        ("GET", "/strategies/3/histories?limit=3", None),
        ("GET", "/strategies/3/histories/301", None),
        ("GET", "/strategies/3/histories/301/parameters", None),
        ("POST", SELECT, {"strategy_history_id": 102}),
        ("POST", SELECT, {"strategy_history_id": 7}),
        ("GET", "/nothing", None),
    ]
    async with served(platform.transport) as address, httpx.AsyncClient(base_url=address, trust_env=False) as http:
        assert (await http.get("/strategies/")).status_code == 401
        login = await http.post("/auth/login", json={"username": "交易员", "password": "x"})
        assert login.json()["username"] == "交易员"
        http.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        assert (await http.post("/auth/generate-long-term-token")).status_code == 200
        for method, path, body in calls:
            over_socket = await http.request(method, path, json=body)
            embedded = await platform.http.request(method, path, json=body)
            assert (over_socket.status_code, over_socket.json()) == (embedded.status_code, embedded.json())
