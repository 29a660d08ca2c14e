"""Proxies, certificates and packed answers: what a client of rotor does with each, whatever the environment says."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from functools import cache, partial

import httpx
import pytest
import requests
from pydantic import SecretStr

from core.factorcat.client import FactorCatClient
from core.factorcat.errors import BadAnswer, NotAsked, Unreachable
from core.infra.clock import SteppedClock
from core.infra.network import (
    AnswerUnreadable,
    NetworkUnavailable,
    ServiceUnavailable,
    async_client,
    child_environment,
    limit_requests,
    proxy_for,
    read_body,
)
from core.infra.updates import ask_for_release
from core.model.bond import BondCode
from core.model.known import Known, Unknown
from core.model.settings import NetworkSettings
from core.model.snapshot import Level
from core.notify.channels import Message, NotSent, PushReceiver
from core.quotes.tencent import TencentQuotes
from tests.factorcat.conftest import LOGIN, PASSWORD, USER, token
from tests.factorcat.server import Server, answer, raw
from tests.infra.socks_proxy import socks_proxy
from tests.quotes.tencent_service import OPEN, line
from tests.sampled import sampled


class Pieces(httpx.AsyncByteStream):
    """A body that arrives in these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


FAR = "https://qt.example"
BOND = BondCode("113052")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


HOSTILE = [
    {"ALL_PROXY": "socks5://127.0.0.1:7890"},
    {"ALL_PROXY": "socks://127.0.0.1:9"},
    {"ALL_PROXY": "socks4://127.0.0.1:9", "https_proxy": "nonsense://"},
    {"HTTPS_PROXY": "http://[::1", "HTTP_PROXY": "::::"},
    {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "::1,fe80::/10,[fd00::1]:80,*.local"},
    {"SSL_CERT_FILE": "/no/such/file.pem", "SSL_CERT_DIR": "/no/such", "REQUESTS_CA_BUNDLE": "/no/such"},
]


async def tencent_answers(server: Server, proxy: str, address: str = "") -> bool:
    server.on("/", raw(200, line(BOND).encode("gbk")))
    feed = TencentQuotes(SteppedClock(OPEN), open_now=lambda: True, address=address or server.url, proxy=proxy)
    found = (await feed.snapshot([BOND]))[BOND]
    await feed.stop()
    return isinstance(found, Known)


@pytest.mark.parametrize("proxy", ["none", "system"])
@pytest.mark.parametrize("variables", HOSTILE)
async def test_no_variable_keeps_this_machine_from_being_reached(
    server: Server, environment: pytest.MonkeyPatch, variables: dict[str, str], proxy: str
) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)
    server.on(LOGIN, answer(200, token()))
    client = FactorCatClient(server.url, version="1", clock=SteppedClock(OPEN), proxy=proxy)
    assert await client.login(USER, PASSWORD) == "Alice"
    await client.aclose()
    assert await tencent_answers(server, proxy)


@pytest.mark.parametrize("variables", HOSTILE)
async def test_a_proxy_that_cannot_be_used_silences_its_own_source_alone(
    environment: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    """Nothing is raised while it is built or read, and the reason is a sentence."""
    for name, value in {"ALL_PROXY": "http://127.0.0.1:9", **variables}.items():
        environment.setenv(name, value)
    feed = TencentQuotes(SteppedClock(OPEN), open_now=lambda: True, address="https://[::1", proxy="system")
    assert isinstance((await feed.snapshot([BOND]))[BOND], Unknown)
    await feed.stop()
    feed = TencentQuotes(SteppedClock(OPEN), open_now=lambda: True, address="https://qt.invalid", proxy="system")
    found = (await feed.snapshot([BOND]))[BOND]
    assert isinstance(found, Unknown)
    assert found.reason.startswith("no price: cannot reach Tencent: ")
    await feed.stop()


@pytest.mark.parametrize(
    ("variables", "setting", "address", "proxy"),
    [
        ({"ALL_PROXY": "http://p:1"}, "none", FAR, None),
        ({"ALL_PROXY": "http://p:1"}, "system", FAR, "http://p:1"),
        ({"HTTPS_PROXY": "p:1", "ALL_PROXY": "http://q:1"}, "system", FAR, "http://p:1"),
        ({"ALL_PROXY": "socks://p:1"}, "system", FAR, "socks5://p:1"),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "::1,fe80::/10,.example"}, "system", FAR, None),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "::1,other.example"}, "system", FAR, "http://p:1"),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "*"}, "system", FAR, None),
        ({}, "system", FAR, None),
        ({}, "socks5://p:1", FAR, "socks5://p:1"),
        ({}, "socks5://p:1", "http://127.0.0.1:8", None),
        ({}, "socks5://p:1", "http://[::1]:8", None),
    ],
)
def test_which_proxy_is_used(
    environment: pytest.MonkeyPatch, variables: dict[str, str], setting: str, address: str, proxy: str | None
) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)
    assert proxy_for(address, setting) == proxy


def test_an_unsupported_proxy_is_named_without_its_password(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ALL_PROXY", "socks4://me:secret@p:1")
    with pytest.raises(NetworkUnavailable, match=r"socks4://\*\*\*@p:1 is not supported") as caught:
        async_client(FAR, "system")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["none", " system ", "http://p:1", "socks5://me:word@p:1/", "https://[::1]:8"])
def test_proxies_that_may_be_set(text: str) -> None:
    assert NetworkSettings(proxy=text).proxy == text.strip()


@pytest.mark.parametrize("text", ["", "yes", "p:1", "ftp://p:1", "socks4://p:1", "http://", "http://p:x", "http://a b"])
def test_proxies_that_may_not_be_set(text: str) -> None:
    with pytest.raises(ValueError, match="should be"):
        NetworkSettings(proxy=text)


async def test_prices_come_through_a_socks_proxy(server: Server) -> None:
    pytest.importorskip("socksio")
    async with socks_proxy(server.port) as proxy:
        assert await tencent_answers(server, proxy.url, "http://qt.example")
    assert proxy.asked == ["qt.example"]


async def test_without_the_socks_package_the_reason_names_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    client = FactorCatClient(FAR, version="1", clock=SteppedClock(OPEN), proxy="socks5://127.0.0.1:9")
    with pytest.raises(NotAsked, match="a socks proxy needs the Python package socksio"):
        await client.login(USER, PASSWORD)
    await client.aclose()


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9", "http://proxy.invalid:9"])
async def test_a_proxy_that_is_not_there_is_named(proxy: str) -> None:
    client = FactorCatClient(FAR, version="1", clock=SteppedClock(OPEN), proxy=proxy)
    with pytest.raises(Unreachable, match=r"network\.proxy"):
        await client.login(USER, PASSWORD)
    await client.aclose()


async def test_prices_come_through_a_web_proxy(server: Server) -> None:
    server.on("http://qt.example/", raw(200, line(BOND).encode("gbk")))
    feed = TencentQuotes(SteppedClock(OPEN), open_now=lambda: True, address="http://qt.example", proxy=server.url)
    assert isinstance((await feed.snapshot([BOND]))[BOND], Known)
    await feed.stop()


def test_a_child_process_gets_the_proxy_of_the_settings() -> None:
    given = {"PATH": "x", "https_proxy": "http://p:1", "NO_PROXY": "::1", "SSL_CERT_FILE": "/no/such/file"}
    assert child_environment("none", given) == {"PATH": "x", "NO_PROXY": "*"}
    assert child_environment("system", given) == {"PATH": "x", "https_proxy": "http://p:1", "NO_PROXY": "::1"}
    set_to = child_environment("socks5://q:1", given)
    assert set_to == {"PATH": "x", **dict.fromkeys(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"], "socks5://q:1")}


# --- packed answers


@cache
def bomb(layers: int) -> bytes:
    """Spaces that unpack to a hundred MiB, packed once or twice."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packer.compress(b" " * 2**20) for _ in range(100)) + packer.flush()
    return packed if layers == 1 else gzip.compress(packed)


BOMBS = [
    pytest.param(partial(bomb, 1), "gzip", id="packed once"),
    pytest.param(partial(bomb, 2), "gzip, gzip", id="packed twice"),
    pytest.param(partial(bomb, 1), "GZIP", id="in capitals"),
    pytest.param(lambda: b"x" * 100, "br", id="another packing"),
]


@pytest.mark.parametrize(("body", "packing"), BOMBS)
async def test_an_answer_that_unpacks_to_much_is_refused_before_it_takes_memory(
    server: Server, body: Callable[[], bytes], packing: str
) -> None:
    for path in ("/", LOGIN, "/news"):
        server.on(path, raw(200, body(), f"Content-Encoding: {packing}\r\n"))
    tracemalloc.start()
    feed = TencentQuotes(SteppedClock(OPEN), open_now=lambda: True, address=server.url)
    client = FactorCatClient(server.url, version="1", clock=SteppedClock(OPEN))
    try:
        found = (await feed.snapshot([BOND]))[BOND]
        with pytest.raises(BadAnswer, match=r"longer than 8 MiB|compression that cannot be read"):
            await client.login(USER, PASSWORD)
        with pytest.raises(ServiceUnavailable, match=r"longer than 64 kB|compression that cannot be read"):
            await ask_for_release(f"{server.url}/news")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        await feed.stop()
        await client.aclose()
    assert isinstance(found, Unknown)
    assert "longer than 1 MiB" in found.reason or "compression that cannot be read" in found.reason
    assert peak < 40 * 2**20


@pytest.mark.parametrize("packing", sampled(["gzip", "gzip, gzip"], 1))
async def test_libraries_that_read_whole_answers_are_kept_from_one_that_unpacks_to_much(
    server: Server, packing: str
) -> None:
    """Apprise, and akshare in its child: both use `requests`."""
    limit_requests()
    body, limit = bomb(1 if packing == "gzip" else 2), 64 * 2**20
    server.on("/", raw(200, body, f"Content-Encoding: {packing}\r\n"))
    receiver = PushReceiver(SecretStr(server.url.replace("http", "json")), Level.INFO)
    tracemalloc.start()
    try:
        with pytest.raises(AnswerUnreadable, match="longer than 64 MiB"):
            await asyncio.to_thread(requests.get, server.url, timeout=10)
        with pytest.raises(NotSent, match="longer than 64 MiB"):
            await asyncio.to_thread(receiver.send, Message("x", "y", Level.INFO, ""))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * limit


async def test_a_library_reads_an_answer_of_usual_size_whole(server: Server) -> None:
    limit_requests()
    server.on("/", raw(200, gzip.compress(b"{}" * 50_000), "Content-Encoding: gzip\r\n"))
    assert len((await asyncio.to_thread(requests.get, server.url, timeout=10)).content) == 100_000


async def test_what_follows_a_packed_answer_is_not_kept() -> None:
    body = gzip.compress(b"0123456789") + b"x" * 1000
    response = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Pieces(body, body, body))
    assert await read_body(response, 100) == b"0123456789"


async def test_a_packed_answer_of_usual_size_is_read_whole(server: Server) -> None:
    server.on("/", raw(200, gzip.compress(line(BOND).encode("gbk")), "Content-Encoding: gzip\r\n"))
    feed = TencentQuotes(SteppedClock(OPEN), open_now=lambda: True, address=server.url)
    assert isinstance((await feed.snapshot([BOND]))[BOND], Known)
    await feed.stop()


async def test_half_a_packed_answer_is_none() -> None:
    body = gzip.compress(b"0123456789" * 100)[:-12]
    response = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(body))
    with pytest.raises(AnswerUnreadable, match="cut off"):
        await read_body(response, 10_000)
