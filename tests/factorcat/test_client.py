"""The client's requests, its reading of valid responses, and the life of a login."""

import asyncio
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from core.factorcat.client import FactorCatClient
from core.factorcat.errors import LoginNeeded, ServerRefused, Unreachable
from core.infra.clock import SteppedClock
from core.model.figures import Basis, Unit, Units
from core.model.platform import Record, Selected, Strategy
from core.model.time import SHANGHAI
from tests.factorcat.conftest import (
    LIST,
    LOGIN,
    LONG,
    LONG_TERM,
    NOW,
    PARAMETERS,
    PASSWORD,
    RECORD,
    RECORDS,
    ROWS,
    SELECTION,
    STRATEGIES,
    USER,
    jwt,
    token,
)
from tests.factorcat.server import Server, answer, raw, reset


def page(*items: object) -> dict[str, object]:
    return {"total_count": 41, "total_pages": 3, "page": 2, "limit": 20, "items": list(items), "new_key": 1}


async def test_login_and_what_every_request_carries(alice: FactorCatClient, server: Server) -> None:
    assert alice.user == "Alice"
    assert server.last(LOGIN).json == {"username": USER, "password": PASSWORD}
    assert "authorization" not in server.last(LOGIN).headers
    await alice.selection(7, 42)
    asked = server.last(SELECTION)
    assert (asked.method, asked.json) == ("POST", {"strategy_history_id": 42})
    assert asked.headers["authorization"] == f"Bearer {LONG}"
    assert {seen.headers["x-client-version"] for seen in server.seen} == {"1.2.3"}


async def test_strategies(alice: FactorCatClient, server: Server) -> None:
    item = {"id": 7, "name": "双低", "description": None, "backtest_count": 3, "created_at": "2026-01-02"}
    server.on(STRATEGIES, answer(200, page(item)))
    answered = await alice.strategies(2, 20, "双低 &page=9/../x?")
    assert answered.items == (Strategy(7, "双低", "", 3, "2026-01-02"),)
    assert (answered.page, answered.limit, answered.total_count, answered.total_pages) == (2, 20, 41, 3)
    query = parse_qs(urlsplit(server.last(STRATEGIES).target).query)
    assert query == {"page": ["2"], "limit": ["20"], "search": ["双低 &page=9/../x?"]}


async def test_text_that_no_terminal_can_show_is_cleaned(alice: FactorCatClient, server: Server) -> None:
    told = {"name": "双低\x1b[2J\ud800", "description": "one\n\x07two 😀", "created_at": "a\tb"}
    server.on(STRATEGIES, raw(200, json.dumps(page({"id": 7, "backtest_count": 3, **told})).encode("ascii")))
    (found,) = (await alice.strategies()).items
    assert (found.name, found.description, found.created_at) == ("双低 [2J?", "one\ntwo 😀", "a b")
    server.on(PARAMETERS, raw(200, json.dumps({"parameters": {"a\udfff": "😀\ud83d"}}).encode("ascii")))
    assert await alice.parameters(7, 42) == {"a?": "😀?"}


async def test_records(alice: FactorCatClient, server: Server) -> None:
    item = {
        "id": 42,
        "backtest_time": "2026-05-01 10:00",
        "strategy_return": "0.5",
        "win_rate": None,
        "annualized_return": 0.12,
        "max_drawdown": "NaN",
    }
    server.on(RECORDS, answer(200, page(item)))
    units = Units(Unit.RATIO, Unit.RATIO, Basis.ASSUMED)
    record = Record(42, "2026-05-01 10:00", 0.5, None, 0.12, None, None, units)
    assert (await alice.records(7, 2)).items == (record,)


async def test_parameters_need_no_detail(alice: FactorCatClient, server: Server) -> None:
    server.on(PARAMETERS, answer(200, {"parameters": {"stopLossRatio": 0.08, "top": 10}}))
    server.on(RECORD, answer(500, {"detail": "broken"}))
    assert await alice.parameters(7, 42) == {"stopLossRatio": 0.08, "top": 10}
    assert server.count(RECORD) == 0


async def test_detail_needs_no_parameters(alice: FactorCatClient, server: Server) -> None:
    server.on(PARAMETERS, answer(500, {"detail": "broken"}))
    server.on(RECORD, answer(200, {"anything": [1, 2]}))
    assert await alice.detail(7, 42) == {"anything": [1, 2]}


async def test_selection(alice: FactorCatClient) -> None:
    selection = await alice.selection(7, 42)
    assert (selection.strategy_id, selection.history_id) == (7, 42)
    assert selection.trade_date == date(2026, 5, 15)
    assert selection.fetched_at == NOW
    assert selection.bonds == (
        Selected(selection.codes[0], "兴业转债", Decimal("112.73")),
        Selected(selection.codes[1], "盛虹转债", Decimal("117.305")),
        Selected(selection.codes[2], "无锡转债", None),
    )
    assert selection.codes == ("113052.SH", "127030.SZ", "110043.SH")


@pytest.mark.parametrize("spelling", ["113052.SH", "113052", "113052.sh", " 113052.SH ", "113052 "])
@pytest.mark.parametrize("key", ["kzz_code", "code"])
async def test_spellings_of_a_code(alice: FactorCatClient, server: Server, key: str, spelling: str) -> None:
    row = {key: spelling, "name": "x", "price": "112.730", "trade_date": "20260515"}
    server.on(SELECTION, answer(200, [{"selected_bonds": [row]}]))
    assert (await alice.selection(7, 42)).codes == ("113052.SH",)


@pytest.mark.parametrize(
    "text",
    ["2026-05-15", "20260515", "2026-05-15T00:00:00", "2026-05-15 14:30:00.123", "2026-05-14T16:00:00Z"],
)
async def test_spellings_of_a_date(alice: FactorCatClient, server: Server, text: str) -> None:
    server.on(SELECTION, answer(200, [{"selected_bonds": [{**row, "trade_date": text} for row in ROWS]}]))
    assert (await alice.selection(7, 42)).trade_date == date(2026, 5, 15)


async def test_the_token_s_expiry_is_read_from_the_token(client: FactorCatClient, server: Server) -> None:
    end = datetime(2026, 5, 15, 16, 0, tzinfo=SHANGHAI)
    server.on(LONG_TERM, answer(200, {"access_token": jwt(end)}))
    assert client.token_expires_at is None
    await client.login(USER, PASSWORD)
    expires_at = client.token_expires_at
    assert expires_at == end
    assert expires_at is not None
    assert expires_at.tzinfo is SHANGHAI


@pytest.mark.parametrize("text", ["a.b.c", "a.bnVsbA.c", "a.eyJleHAiOiAieCJ9.c", "a.eyJleHAiOiAxZTMwfQ.c", LONG])
async def test_a_token_without_an_expiry(client: FactorCatClient, server: Server, text: str) -> None:
    server.on(LONG_TERM, answer(200, {"access_token": text}))
    await client.login(USER, PASSWORD)
    assert client.token_expires_at is None
    assert not await client.renew_if_due()


async def test_the_token_is_renewed_before_it_expires(
    client: FactorCatClient, server: Server, clock: SteppedClock
) -> None:
    end = NOW + timedelta(minutes=30)
    later = end + timedelta(hours=8)
    server.on(LONG_TERM, answer(200, {"access_token": jwt(end)}), answer(200, {"access_token": jwt(later)}))
    await client.login(USER, PASSWORD)
    clock.move_to(end - timedelta(minutes=10, seconds=1))
    assert not await client.renew_if_due()
    assert server.count(LOGIN) == 1
    clock.move_to(end - timedelta(minutes=2))
    assert await client.renew_if_due()
    assert server.count(LOGIN) == 2
    assert client.token_expires_at == later
    assert not await client.renew_if_due()


@pytest.mark.parametrize("lives", [timedelta(seconds=40), timedelta(minutes=3), timedelta(0), -timedelta(days=1)])
async def test_a_short_token_is_renewed_by_its_refusal_and_not_each_minute(
    client: FactorCatClient, server: Server, clock: SteppedClock, lives: timedelta
) -> None:
    """Also one that seems to have ended, because this machine's clock is fast."""
    server.on(LONG_TERM, answer(200, {"access_token": jwt(NOW + lives)}))
    await client.login(USER, PASSWORD)
    for minute in range(10):
        clock.move_to(NOW + timedelta(minutes=minute))
        assert not await client.renew_if_due()
    assert server.count(LOGIN) == 1
    server.on(SELECTION, answer(401, {"detail": "expired"}), answer(200, LIST))
    await client.selection(7, 42)
    assert server.count(LOGIN) == 2


async def test_a_refused_renewal_keeps_the_token_until_it_expires(
    client: FactorCatClient, server: Server, clock: SteppedClock
) -> None:
    server.on(LONG_TERM, answer(200, {"access_token": jwt(NOW + timedelta(minutes=5))}))
    await client.login(USER, PASSWORD)
    clock.move_to(NOW + timedelta(minutes=4))
    server.on(LOGIN, answer(401, {"detail": "密码已修改"}))
    with pytest.raises(LoginNeeded, match="密码已修改"):
        await client.renew_if_due()
    assert not await client.renew_if_due(), "a refused password is not tried again"
    assert server.count(LOGIN) == 2
    await client.selection(7, 42)


async def test_401_logs_in_again_once_without_asking(alice: FactorCatClient, server: Server) -> None:
    server.on(LONG_TERM, answer(200, {"access_token": "fresh"}))
    server.on(SELECTION, answer(401, {"detail": "expired"}), answer(200, LIST))
    assert len((await alice.selection(7, 42)).bonds) == 3
    assert server.count(LOGIN) == 2
    assert server.last(SELECTION).headers["authorization"] == "Bearer fresh"


async def test_401_after_the_login_too_asks_the_user(alice: FactorCatClient, server: Server) -> None:
    server.on(SELECTION, answer(401, {"detail": "expired"}))
    with pytest.raises(LoginNeeded, match="rejects the token"):
        await alice.selection(7, 42)
    assert (server.count(LOGIN), server.count(SELECTION)) == (2, 2)
    assert alice.user is None
    with pytest.raises(LoginNeeded, match="Not logged in"):
        await alice.selection(7, 42)
    assert (server.count(LOGIN), server.count(SELECTION)) == (2, 2)


async def test_401_and_a_password_that_is_no_longer_accepted(alice: FactorCatClient, server: Server) -> None:
    server.on(SELECTION, answer(401, {"detail": "expired"}))
    server.on(LOGIN, answer(401, {"detail": "密码已修改"}))
    with pytest.raises(LoginNeeded, match=r"could not be renewed.*密码已修改") as caught:
        await alice.selection(7, 42)
    assert PASSWORD not in str(caught.value)
    assert (server.count(LOGIN), server.count(SELECTION)) == (2, 1)
    assert alice.user is None


async def test_401_and_a_login_that_fails_to_connect(alice: FactorCatClient, server: Server) -> None:
    server.on(SELECTION, answer(401, {}), answer(401, {}), answer(200, LIST))
    server.on(LOGIN, reset(), answer(200, token()))
    with pytest.raises(Unreachable):
        await alice.selection(7, 42)
    assert server.count(LOGIN) == 2, "a login is not repeated by itself"
    assert len((await alice.selection(7, 42)).bonds) == 3, "but the password is still there for the next call"


async def test_many_401_share_one_login(alice: FactorCatClient, server: Server) -> None:
    server.on(SELECTION, *[answer(401, {})] * 8, answer(200, LIST))
    answers = await asyncio.gather(*(alice.selection(7, 42) for _ in range(8)))
    assert all(len(selection.bonds) == 3 for selection in answers)
    assert server.count(LOGIN) == 2


async def test_many_401_share_one_refusal(alice: FactorCatClient, server: Server) -> None:
    server.on(SELECTION, answer(401, {}))
    server.on(LOGIN, answer(401, {"detail": "no"}))
    answers = await asyncio.gather(*(alice.selection(7, 42) for _ in range(8)), return_exceptions=True)
    assert all(isinstance(each, LoginNeeded) for each in answers)
    assert server.count(LOGIN) == 2


async def test_a_cancelled_request_does_not_cancel_the_shared_login(alice: FactorCatClient, server: Server) -> None:
    server.on(SELECTION, answer(401, {}), answer(401, {}), answer(200, LIST))
    server.on(LOGIN, *[answer(200, token())] * 2)
    first, second = (asyncio.create_task(alice.selection(7, 42)) for _ in range(2))
    await server.until(LOGIN, 2)
    first.cancel()
    assert len((await second).bonds) == 3
    assert server.count(LOGIN) == 2
    await asyncio.gather(first, return_exceptions=True)


async def test_logout_during_a_renewal_stays_a_logout(alice: FactorCatClient, server: Server) -> None:
    server.on(SELECTION, answer(401, {}), answer(200, LIST))
    call = asyncio.create_task(alice.selection(7, 42))
    await server.until(SELECTION, 1)
    server.hold = asyncio.Event()
    await server.until(LOGIN, 2)
    alice.logout()
    server.hold.set()
    with pytest.raises(LoginNeeded):
        await call
    assert alice.user is None
    assert server.count(SELECTION) == 1


async def test_logout(alice: FactorCatClient, server: Server) -> None:
    asked = len(server.seen)
    alice.logout()
    assert alice.user is None
    assert alice.token_expires_at is None
    assert not await alice.renew_if_due()
    with pytest.raises(LoginNeeded):
        await alice.strategies()
    assert len(server.seen) == asked
    shown = repr(vars(alice)) + json.dumps(str(vars(alice)))
    assert PASSWORD not in shown
    assert LONG not in shown


async def test_403_does_not_log_in_again(alice: FactorCatClient, server: Server) -> None:
    server.on(SELECTION, answer(403, {"detail": "会员已过期"}))
    with pytest.raises(ServerRefused, match="会员已过期"):
        await alice.selection(7, 42)
    assert server.count(LOGIN) == 1


@pytest.mark.parametrize(
    "address",
    [
        "https://api.yinzimao.com:8003",
        "https://api.yinzimao.com:8003/prefix/",
        "http://127.0.0.1:8000",
        "http://127.9.8.7",
        "http://localhost:8000",
        "http://LOCALHOST",
        "http://[::1]:8000",
    ],
)
async def test_allowed_addresses(clock: SteppedClock, address: str) -> None:
    await FactorCatClient(address, version="1", clock=clock).aclose()


@pytest.mark.parametrize("prefix", ["", "/", "/prefix", "/prefix/", "/a/b/"])
async def test_every_call_goes_below_the_path_of_the_address(server: Server, clock: SteppedClock, prefix: str) -> None:
    base = prefix.rstrip("/")
    for path in (LOGIN, LONG_TERM):
        server.on(base + path, answer(200, token()))
    server.on(base + SELECTION, answer(200, LIST))
    client = FactorCatClient(server.url + prefix, version="1", clock=clock)
    await client.login(USER, PASSWORD)
    await client.selection(7, 42)
    assert [seen.path for seen in server.seen] == [base + LOGIN, base + LONG_TERM, base + SELECTION]
    await client.aclose()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://api.yinzimao.com:8003", "in clear"),
        ("http://127.0.0.1.evil.com", "in clear"),
        ("http://localhost.evil.com", "in clear"),
        ("http://10.0.0.1", "in clear"),
        ("http://0.0.0.0", "in clear"),
        ("http://[::ffff:10.0.0.1]", "in clear"),
        ("http://127.0.0.1@evil.com", "name or password"),
        ("https://alice:Passw0rd@api.yinzimao.com", "name or password"),
        ("ftp://127.0.0.1", "not an address"),
        ("api.yinzimao.com:8003", "not an address"),
        ("https://", "not an address"),
        ("https://host:port", "not an address"),
        ("https://host/?q=1", "not an address"),
        ("", "not an address"),
    ],
)
def test_refused_addresses(clock: SteppedClock, address: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        FactorCatClient(address, version="1", clock=clock)
    assert "Passw0rd" not in str(caught.value)


async def test_a_proxy_of_the_environment_never_sees_a_password(
    server: Server, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Server()
    await proxy.start()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    client = FactorCatClient(server.url, version="1", clock=clock)
    await client.login(USER, PASSWORD)
    assert proxy.seen == []
    await client.aclose()
    await proxy.stop()
