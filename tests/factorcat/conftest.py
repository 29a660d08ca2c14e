"""A server, a clock that stands still, and a client that talks to them."""

import base64
import json
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import datetime

import httpx
import pytest

from core.factorcat.client import FactorCatClient
from core.infra.clock import SteppedClock
from core.model.time import SHANGHAI
from tests.factorcat.server import Server, answer
from tests.waiting import PATIENCE

USER, PASSWORD = "alice", "Passw0rd-{XYZ}"
SHORT, LONG = "short-token-1111", "long-token-2222"
NOW = datetime(2026, 5, 15, 14, 30, tzinfo=SHANGHAI)

LOGIN = "/auth/login"
LONG_TERM = "/auth/generate-long-term-token"
STRATEGIES = "/strategies/"
RECORDS = "/strategies/7/histories"
RECORD = "/strategies/7/histories/42"
PARAMETERS = f"{RECORD}/parameters"
SELECTION = "/bond-selection/today-bond-selection"

ROWS = [
    {"kzz_code": "113052.SH", "name": "兴业转债", "price": 112.73, "trade_date": "2026-05-15"},
    {"kzz_code": "127030.SZ", "name": "盛虹转债", "price": 117.305, "trade_date": "2026-05-15"},
    {"kzz_code": "110043.SH", "name": "无锡转债", "price": None, "trade_date": "2026-05-15"},
]
LIST = [{"selected_bonds": ROWS}]


def jwt(moment: datetime, mark: str = "x") -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'HS256'})}.{part({'sub': USER, 'exp': moment.timestamp()})}.{mark}"


def token(text: str = SHORT) -> dict[str, str]:
    return {"access_token": text, "token_type": "bearer", "username": "Alice", "role_name": "user"}


_TLS = ssl.create_default_context()


def connect(server: Server, clock: SteppedClock, timeout: float = PATIENCE) -> FactorCatClient:
    """A client of `server`. Its transport is httpx's own, with TLS settings that are read once instead of 100 times."""
    transport = httpx.AsyncHTTPTransport(verify=_TLS, trust_env=False)
    return FactorCatClient(server.url, version="1.2.3", clock=clock, transport=transport, timeout=timeout)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    await server.start()
    server.on(LOGIN, answer(200, token()))
    server.on(LONG_TERM, answer(200, {"access_token": LONG}))
    server.on(SELECTION, answer(200, LIST))
    yield server
    await server.stop()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(NOW)


@pytest.fixture
async def client(server: Server, clock: SteppedClock) -> AsyncIterator[FactorCatClient]:
    client = connect(server, clock)
    yield client
    await client.aclose()


@pytest.fixture
async def alice(client: FactorCatClient) -> FactorCatClient:
    """The client, logged in."""
    await client.login(USER, PASSWORD)
    return client


@pytest.fixture(autouse=True)
def no_secret_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, ours and the libraries' logs (DEBUG included) tell neither password nor token."""
    caplog.set_level(logging.DEBUG)
    yield
    for phase in ("setup", "call"):
        for record in caplog.get_records(phase):
            shown = record.getMessage() + (record.exc_text or "")
            assert not any(secret in shown for secret in (PASSWORD, SHORT, LONG)), record.name
