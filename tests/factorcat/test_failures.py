"""Every way the platform can fail, on the wire: each ends in its own sentence, and in no list."""

import gc
import socket
import ssl
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.factorcat.client import FactorCatClient
from core.factorcat.errors import (
    BadAnswer,
    CutOff,
    FactorCatError,
    LoginNeeded,
    LoginRefused,
    SelectionRefused,
    ServerRefused,
    TimedOut,
    Unreachable,
    Untrusted,
)
from core.factorcat.http import LONGEST_BODY
from core.infra.clock import SteppedClock
from tests.factorcat.conftest import (
    LIST,
    LOGIN,
    LONG,
    LONG_TERM,
    PARAMETERS,
    PASSWORD,
    RECORD,
    RECORDS,
    ROWS,
    SELECTION,
    SHORT,
    STRATEGIES,
    USER,
    connect,
    token,
)
from tests.factorcat.server import (
    Reply,
    Server,
    answer,
    cut_off,
    drip,
    free_port,
    raw,
    reset,
    set_timeout,
    silence,
)


def tells_no_secret(error: BaseException) -> None:
    """Check the error's text and everything attached to it."""
    link: BaseException | None = error
    while link is not None:
        shown = str(link) + repr(link) + repr(vars(link)) + "".join(traceback.format_exception(link))
        assert not any(secret in shown for secret in (PASSWORD, SHORT, LONG))
        assert not isinstance(link, httpx.HTTPError), "an error of httpx holds the request, and that the secrets"
        link = link.__cause__ or link.__context__


async def refused(client: FactorCatClient, kind: type[FactorCatError], *words: str) -> str:
    """Asks for the list, which must fail as told; the sentence."""
    with pytest.raises(FactorCatError) as caught:
        await client.selection(7, 42)
    assert type(caught.value) is kind
    sentence = str(caught.value)
    assert all(word in sentence for word in words), sentence
    assert sentence.endswith(".")
    tells_no_secret(caught.value)
    return sentence


WIRE_FAULTS: list[tuple[str, Reply, type[FactorCatError], Sequence[str], int]] = [
    ("slow", silence(), TimedOut, ["no whole answer", "0.5 s"], 1),
    ("dripping", drip(LIST), TimedOut, ["no whole answer"], 1),
    ("cut off", cut_off(LIST), CutOff, ["cut off in the middle"], 3),
    ("reset", reset(), Unreachable, ["127.0.0.1", "broke the connection off"], 3),
    ("redirect", raw(307, b"", "Location: http://127.0.0.1:9/evil\r\n"), BadAnswer, ["redirect", "not followed"], 1),
    ("not JSON", raw(200, b"<html>welcome</html>"), BadAnswer, ["not JSON"], 1),
    ("nothing", raw(200, b""), BadAnswer, ["not JSON"], 1),
    ("bottomless", raw(200, b"[" * 200_000), BadAnswer, ["not JSON"], 1),
    ("not utf-8", raw(200, b'["\xff\xfe"]'), BadAnswer, ["not JSON"], 1),
    ("badly packed", raw(200, b"nonsense", "Content-Encoding: gzip\r\n"), BadAnswer, ["compression"], 1),
    ("500", raw(500, "数据库不可用".encode()), ServerRefused, ["HTTP 500", "数据库不可用", "few minutes"], 1),
    ("502", raw(502, b"<html>Bad Gateway</html>"), ServerRefused, ["HTTP 502", "no reason given"], 3),
    ("503", answer(503, {"message": "维护中。"}), ServerRefused, ["HTTP 503", "维护中. Try"], 3),
    ("504", answer(504, {"error": {"message": "upstream"}}), ServerRefused, ["HTTP 504", "upstream"], 3),
    ("429", answer(429, {"msg": "too often"}), ServerRefused, ["too often", "few minutes"], 1),
    ("404", answer(404, {"detail": "没有这条记录"}), ServerRefused, ["没有这条记录", "Change what is asked"], 1),
    (
        "422",
        answer(422, {"detail": [{"loc": ["body", "strategy_history_id"], "msg": "Field required", "input": SHORT}]}),
        ServerRefused,
        ["HTTP 422", "strategy_history_id: Field required"],
        1,
    ),
    ("not a list", answer(200, {"selected_bonds": ROWS}), BadAnswer, ["a list was expected"], 1),
    ("null", answer(200, None), BadAnswer, ["a list was expected"], 1),
    ("renamed key", answer(200, [{"bonds": ROWS}]), BadAnswer, ["'selected_bonds' is missing"], 1),
    ("null bonds", answer(200, [{"selected_bonds": None}]), BadAnswer, ["selected_bonds is wrong"], 1),
    ("a string", answer(200, ["113052.SH"]), BadAnswer, ["is not an object"], 1),
]


@pytest.mark.parametrize(("reply", "kind", "words", "asked"), [pytest.param(*f[1:], id=f[0]) for f in WIRE_FAULTS])
async def test_wire_fault(
    server: Server, clock: SteppedClock, reply: Reply, kind: type[FactorCatError], words: Sequence[str], asked: int
) -> None:
    server.on(SELECTION, reply)
    client = connect(server, clock)
    await client.login(USER, PASSWORD)
    if kind is TimedOut:
        set_timeout(client, 0.5)
    await refused(client, kind, *words)
    assert server.count(SELECTION) == asked
    assert server.count(LOGIN) == server.count(LONG_TERM) == 1
    assert not any(secret in repr(client) for secret in (PASSWORD, SHORT, LONG))
    await client.aclose()


def row(**changes: object) -> dict[str, object]:
    """The last row of a list, changed; a value of `...` takes the key away."""
    changed = {**ROWS[2], **changes}
    return {key: value for key, value in changed.items() if value is not ...}


ROW_FAULTS: list[tuple[str, object, Sequence[str]]] = [
    ("missing code", row(kzz_code=...), ["row 3 has no code"]),
    ("null code", row(kzz_code=None), ["row 3 has no code"]),
    ("blank code", row(kzz_code=" "), ["row 3 has no code"]),
    ("renamed code", row(kzz_code=..., bond_code="110043.SH"), ["row 3 has no code", "kzz_code"]),
    ("true for code", row(kzz_code=True), ["row 3", "kzz_code is neither a text nor a number"]),
    ("fraction for code", row(kzz_code=110043.5), ["row 3", "kzz_code is neither a text nor a number"]),
    ("another code beside it", row(code="127030"), ["row 3 names two bonds", "110043.SH", "127030.SZ"]),
    ("an equity beside it", row(code="600000"), ["row 3", "600000 is not a convertible bond"]),
    ("two markets", row(kzz_code="SZ110043.SH"), ["row 3", "SZ110043.SH names two markets"]),
    ("the other market before it", row(kzz_code="sz110043"), ["row 3", "trade in SH"]),
    ("unknown prefix", row(kzz_code="139001"), ["row 3", "139001 is not a convertible bond"]),
    ("equity", row(kzz_code="600000.SH"), ["row 3", "600000 is not a convertible bond"]),
    ("equity of Shenzhen", row(kzz_code="000001.SZ"), ["row 3", "000001 is not a convertible bond"]),
    ("number for an equity", row(kzz_code=600000), ["row 3", "600000 is not a convertible bond"]),
    ("wrong market", row(kzz_code="110043.SZ"), ["row 3", "trade in SH"]),
    ("steering characters", row(kzz_code="110043.\x1b[31m"), ["row 3", "names market"]),
    ("half a code", row(kzz_code="11004"), ["row 3", "six digits"]),
    ("duplicate", row(kzz_code="113052.SH"), ["113052.SH stands in it twice, in rows 1 and 3"]),
    ("duplicate, spelt otherwise", row(kzz_code="113052.sh "), ["113052.SH stands in it twice"]),
    ("zero price", row(price=0), ["row 3", "price 0", "above zero"]),
    ("negative price", row(price="-1.5"), ["row 3", "price -1.5"]),
    ("endless price", row(price=float("inf")), ["row 3", "finite"]),
    ("NaN", row(price=float("nan")), ["row 3", "finite"]),
    ("endless digits", row(price=1e30), ["row 3", "at most 100000"]),
    ("NaN as text", row(price="NaN"), ["row 3", "finite"]),
    ("text for price", row(price="--"), ["row 3", "'--' is not a number"]),
    ("true for price", row(price=True), ["row 3", "price"]),
    ("true for a date", row(trade_date=True), ["row 3", "'True' is not a date"]),
    ("number for a date", row(trade_date=20260230), ["row 3", "'20260230' is not a date"]),
    ("two dates, one in a row that is skipped", row(kzz_code="132018", trade_date="2026-05-14"), ["two dates"]),
    ("a price that cannot be read in a row that is skipped", row(kzz_code="132018", price="--"), ["is not a number"]),
    ("impossible date", row(trade_date="2026-02-30"), ["row 3", "'2026-02-30' is not a date"]),
    ("ISO week", row(trade_date="2026-W20-5"), ["row 3", "is not a date"]),
    ("date of another form", row(trade_date="15/05/2026"), ["row 3", "is not a date"]),
    ("two dates", row(trade_date="2026-05-14"), ["two dates", "2026-05-15 in row 1", "2026-05-14 in row 3"]),
    ("text for a row", "110043.SH", ["row 3 is not an object"]),
    ("null for a row", None, ["row 3 is not an object"]),
]


@pytest.mark.parametrize(("last", "words"), [pytest.param(*f[1:], id=f[0]) for f in ROW_FAULTS])
async def test_one_bad_row_refuses_the_whole_list(
    alice: FactorCatClient, server: Server, last: object, words: Sequence[str]
) -> None:
    server.on(SELECTION, answer(200, [{"selected_bonds": [ROWS[0], ROWS[1], last]}]))
    sentence = await refused(alice, SelectionRefused, "refused as a whole", "Nothing is sent", *words)
    assert sentence.isprintable()
    assert server.count(SELECTION) == 1


@pytest.mark.parametrize(
    ("value", "words"),
    [([], "none came"), (LIST * 2, "2 came")],
    ids=["no list", "two lists"],
)
async def test_not_one_list(alice: FactorCatClient, server: Server, value: object, words: str) -> None:
    server.on(SELECTION, answer(200, value))
    await refused(alice, SelectionRefused, words)


@pytest.mark.parametrize(("count", "fits"), [(1000, True), (1001, False), (10_000, False)])
async def test_a_list_longer_than_the_market_is_refused_in_words(
    alice: FactorCatClient, server: Server, count: int, fits: bool
) -> None:
    rows = [{**ROWS[0], "kzz_code": f"{110_000 + n if n < 10_000 else 0}"} for n in range(count)]
    server.on(SELECTION, answer(200, [{"selected_bonds": rows}]))
    if fits:
        assert len((await alice.selection(7, 42)).codes) == count
    else:
        await refused(alice, SelectionRefused, f"it has {count} rows")


async def test_a_temporary_fault_does_not_fail_the_request(
    alice: FactorCatClient, server: Server, clock: SteppedClock
) -> None:
    before = clock.now()
    server.on(SELECTION, answer(502, {}), reset(), answer(200, LIST))
    assert len((await alice.selection(7, 42)).bonds) == 3
    assert server.count(SELECTION) == 3
    assert (clock.now() - before).total_seconds() == 2.5


@pytest.mark.parametrize(
    ("path", "ask"),
    [
        (STRATEGIES, lambda client: client.strategies()),
        (RECORDS, lambda client: client.records(7)),
        (PARAMETERS, lambda client: client.parameters(7, 42)),
    ],
)
async def test_pages_are_repeated_too(alice: FactorCatClient, server: Server, path: str, ask: Any) -> None:
    server.on(path, answer(503, {"detail": "busy"}))
    with pytest.raises(ServerRefused, match="busy"):
        await ask(alice)
    assert server.count(path) == 3


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (answer(401, {"detail": "用户名或密码错误"}), LoginRefused, ["用户名或密码错误", "name and the password"]),
        (
            answer(422, {"detail": [{"loc": ["body", "password"], "msg": "too short", "input": PASSWORD}]}),
            LoginRefused,
            ["password: too short"],
        ),
        (answer(400, {"detail": f"no user {USER} with {PASSWORD}"}), LoginRefused, ["no user alice with ***"]),
        (raw(500, f"Traceback: login({PASSWORD!r}) {{".encode()), ServerRefused, ["HTTP 500", "***", "{"]),
        (answer(502, {}), ServerRefused, ["HTTP 502"]),
        (answer(503, {"detail": "busy"}), ServerRefused, ["busy"]),
        (answer(504, {}), ServerRefused, ["HTTP 504"]),
        (reset(), Unreachable, ["broke the connection off"]),
        (silence(), TimedOut, ["the login", "0.3 s"]),
        (cut_off(token()), CutOff, ["cut off"]),
        (raw(200, f'{{"access_token": "{SHORT}"'.encode()), BadAnswer, ["not JSON"]),
        (answer(200, {"token": SHORT}), BadAnswer, ["'access_token' is missing"]),
        (answer(200, {"access_token": 12345}), BadAnswer, ["access_token is wrong"]),
        (answer(200, {"access_token": SHORT + "\r\nX: y"}), BadAnswer, ["access_token is wrong"]),
        (answer(200, {"access_token": SHORT + "猫"}), BadAnswer, ["access_token is wrong"]),
        (raw(307, b"", "Location: /elsewhere\r\n"), BadAnswer, ["redirect"]),
    ],
)
async def test_a_login_is_never_repeated(
    client: FactorCatClient, server: Server, reply: Reply, kind: type[FactorCatError], words: Sequence[str]
) -> None:
    server.on(LOGIN, reply)
    if kind is TimedOut:
        set_timeout(client, 0.3)
    with pytest.raises(FactorCatError) as caught:
        await client.login(USER, PASSWORD)
    assert type(caught.value) is kind
    assert all(word in str(caught.value) for word in words), str(caught.value)
    tells_no_secret(caught.value)
    assert len(server.seen) == server.count(LOGIN) == 1
    assert client.user is None
    await refused(client, LoginNeeded, "Not logged in")
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "reply", [answer(401, {}), answer(404, {}), answer(503, {}), reset(), answer(200, {"token": LONG})]
)
async def test_without_a_long_term_token_the_short_one_is_used(
    client: FactorCatClient, server: Server, reply: Reply
) -> None:
    server.on(LONG_TERM, reply)
    assert await client.login(USER, PASSWORD) == "Alice"
    await client.selection(7, 42)
    assert server.last(SELECTION).headers["authorization"] == f"Bearer {SHORT}"
    assert server.count(LONG_TERM) == server.count(LOGIN) == 1


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_platform_without_long_term_tokens_is_normal(
    client: FactorCatClient, server: Server, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Nothing is logged, and nothing is asked for again when the login is renewed."""
    server.on(LONG_TERM, answer(status, {"detail": "Not Found"}))
    server.on(SELECTION, answer(401, {}), answer(200, LIST))
    await client.login(USER, PASSWORD)
    await client.selection(7, 42)
    assert (server.count(LOGIN), server.count(LONG_TERM)) == (2, 1)
    assert [record.getMessage() for record in caplog.records if record.name == "core.factorcat.client"] == [
        "The login to Factor Cat was renewed."
    ]


async def test_a_failed_login_keeps_the_previous_one(alice: FactorCatClient, server: Server) -> None:
    server.on(LOGIN, answer(401, {"detail": "no"}))
    with pytest.raises(LoginRefused):
        await alice.login("bob", "x")
    assert alice.user == "Alice"
    await alice.selection(7, 42)


async def test_an_unreachable_server_is_reported(clock: SteppedClock) -> None:
    client = FactorCatClient(f"http://127.0.0.1:{free_port()}", version="1", clock=clock)
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1 cannot be reached when asked about the login") as caught:
        await client.login(USER, PASSWORD)
    tells_no_secret(caught.value)
    await client.aclose()


async def test_an_unknown_host_name_is_reported(clock: SteppedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_name(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    client = FactorCatClient("https://factorcat.invalid", version="1", clock=clock)
    with pytest.raises(Unreachable, match=r"factorcat\.invalid is not found") as caught:
        await client.login(USER, PASSWORD)
    tells_no_secret(caught.value)
    await client.aclose()


@pytest.fixture
async def impostor() -> Any:
    """A server that speaks TLS with a certificate of its own making."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).parent / "selfsigned.pem")
    server = Server()
    await server.start(context)
    yield server
    await server.stop()


async def test_a_server_with_a_wrong_certificate_gets_no_password(impostor: Server, clock: SteppedClock) -> None:
    client = FactorCatClient(f"https://localhost:{impostor.port}", version="1", clock=clock)
    with pytest.raises(Untrusted, match=r"certificate of localhost is not valid \(self.signed") as caught:
        await client.login(USER, PASSWORD)
    assert impostor.seen == []
    tells_no_secret(caught.value)
    await client.aclose()


@pytest.mark.parametrize(
    ("padding", "fits"), [(0, True), (1, False), (LONGEST_BODY, False)], ids=["just fits", "a byte more", "twice"]
)
async def test_size_limit(server: Server, clock: SteppedClock, padding: int, fits: bool) -> None:
    start = b'[{"selected_bonds": [{"code": "113052", "name": "x", "trade_date": "20260515"}]}]'
    server.on(SELECTION, raw(200, start + b" " * (LONGEST_BODY - len(start) + padding)))
    client = connect(server, clock)
    await client.login(USER, PASSWORD)
    if fits:
        assert (await client.selection(7, 42)).codes == ("113052.SH",)
    else:
        await refused(client, BadAnswer, "longer than 8 MiB")
        assert server.count(SELECTION) == 1
    await client.aclose()


async def test_server_messages_contain_no_terminal_control_characters(alice: FactorCatClient, server: Server) -> None:
    server.on(SELECTION, answer(400, {"detail": "\x1b[2J\x1b]0;owned\x07 line\nline " + "x" * 5000}))
    sentence = await refused(alice, ServerRefused, "line line")
    assert sentence.isprintable()
    assert len(sentence) < 600


async def test_a_server_that_repeats_the_token_does_not_leak_it(alice: FactorCatClient, server: Server) -> None:
    server.on(SELECTION, answer(403, {"detail": f"Bearer {LONG} may not"}))
    await refused(alice, ServerRefused, "Bearer *** may not")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (STRATEGIES, {"total": 1, "total_pages": 1, "page": 1, "limit": 20, "items": []}, "'total_count' is missing"),
        (STRATEGIES, [], "it is not an object"),
        (
            STRATEGIES,
            {
                "total_count": 1,
                "total_pages": 1,
                "page": 1,
                "limit": 20,
                "items": [{"id": 1, "title": "x", "backtest_count": 0}],
            },
            r"'items\.1\.name' is missing",
        ),
        (RECORDS, {"total_count": 1, "total_pages": 1, "page": 1, "limit": 20}, "'items' is missing"),
        (PARAMETERS, {"params": {}}, "'parameters' is missing"),
        (PARAMETERS, {"parameters": None}, "parameters is not an object"),
    ],
)
async def test_pages_name_what_is_missing(
    alice: FactorCatClient, server: Server, path: str, value: object, words: str
) -> None:
    server.on(path, answer(200, value))
    asks: dict[str, Any] = {STRATEGIES: alice.strategies, RECORDS: lambda: alice.records(7)}
    with pytest.raises(BadAnswer, match=words):
        await asks.get(path, lambda: alice.parameters(7, 42))()
    assert server.count(RECORD) == 0


async def test_no_connection_is_left_open(server: Server, clock: SteppedClock) -> None:
    server.on(LOGIN, drip(token()))
    client = connect(server, clock, timeout=0.1)
    with pytest.raises(TimedOut):
        await client.login(USER, PASSWORD)
    await client.aclose()
    gc.collect()  # an unclosed socket would be a ResourceWarning here, and that an error


@pytest.mark.parametrize(
    ("detail", "fault"),
    [(raw(200, b" " * 20_000_000), BadAnswer), (drip({}), TimedOut), (answer(500, {}), ServerRefused)],
    ids=["20 MB", "slow", "500"],
)
async def test_a_detail_that_cannot_be_read_leaves_the_parameters(
    server: Server, clock: SteppedClock, detail: Reply, fault: type[FactorCatError]
) -> None:
    server.on(RECORD, detail)
    server.on(PARAMETERS, answer(200, {"parameters": {"stopLossRatio": 0.08}}))
    client = connect(server, clock, timeout=0.5)
    await client.login(USER, PASSWORD)
    with pytest.raises(fault):
        await client.detail(7, 42)
    assert await client.parameters(7, 42) == {"stopLossRatio": 0.08}
    await client.aclose()
