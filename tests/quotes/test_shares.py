"""Prices of underlying shares: which lines give one, and that their failures touch nothing else."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from decimal import Decimal

import pytest

from core.infra.clock import RealClock, SteppedClock
from core.model.bond import BondCode
from core.model.known import Known
from core.model.settings import QuoteSettings, Settings
from core.model.time import SHANGHAI
from core.quotes.shares import LONGEST_PAUSE, WAIT, TencentShares, read_shares
from core.quotes.tencent import TencentQuotes
from tests.quotes.tencent_service import OPEN, Service, line, served
from tests.waiting import PATIENCE, until

SHARE = "600000"


def share_line(code: str = SHARE, last: str = "9.07", **changes: str) -> str:
    """Of the recorded shape: two decimals, volume in hundreds of shares."""
    market = "SH" if code[0] == "6" else "SZ"
    told = {"f3": last, "f4": "9.06", "f31": f"{float(last) - 9.06:.2f}", "f30": "20260918103003", "f61": "GP-A"}
    return line(f"{code}.{market}", last, **(told | changes))


def settings(address: str, *sources: str) -> Settings:
    return Settings(quotes=QuoteSettings.model_validate({"tencent": address, "sources": sources or ("tencent",)}))


@pytest.fixture
def service() -> Iterator[Service]:
    with served() as service:
        yield service


@pytest.fixture
async def shares(service: Service) -> AsyncIterator[TencentShares]:
    feed = TencentShares(SteppedClock(OPEN), settings(service.url), open_now=lambda: True)
    yield feed
    await feed.stop()


def test_a_line_becomes_a_price_with_its_change() -> None:
    found = read_shares(share_line())[SHARE]
    assert (found.price, found.source) == (Decimal("9.07"), "Tencent")
    assert found.change == Decimal("0.001104")
    assert found.at == datetime(2026, 9, 18, 10, 30, 3, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    "changes",
    [
        {"f2": "600001"},
        {"f31": "5.00"},
        {"f30": "31.887"},
        {"f30": "20260931103003"},
        {"f3": "0.00", "f31": "-9.06"},
        {"f3": "nan"},
        {"f3": "1e30", "f31": "1e30"},
        {"f4": "1e-999999", "f31": "9.07"},
        {"f3": ""},
        {"f3": "--"},
    ],
)
def test_an_odd_line_is_left_out_and_the_others_stand(changes: dict[str, str]) -> None:
    found = read_shares("\n".join([share_line(**changes), share_line("000001")]))
    assert set(found) == {"000001"}


@pytest.mark.parametrize("text", ["", "<html>banned</html>", 'v_pv_none_match="1";', 'v_sh600000="1~x";'])
def test_an_answer_without_lines_has_no_prices(text: str) -> None:
    assert read_shares(text) == {}


async def test_watched_shares_are_asked_for_in_one_request(shares: TencentShares, service: Service) -> None:
    service.show(share_line(), share_line("000001", "9.10"))
    shares.watch([SHARE, "000001", "830799", "900901", ""])
    await shares.start()
    await until(lambda: shares.latest("000001") is not None)
    assert service.asked[0] == ["sz000001", "sh600000"]
    found = shares.latest("000001")
    assert found is not None and found.price == Decimal("9.10")


async def test_nothing_is_asked_where_the_settings_leave_tencent_out(service: Service) -> None:
    feed = TencentShares(SteppedClock(OPEN), settings(service.url, "akshare"), open_now=lambda: True)
    await feed.refresh([SHARE])
    assert service.asked == []
    feed.use_settings(settings(service.url))
    service.show(share_line())
    await feed.refresh([SHARE])
    assert feed.latest(SHARE) is not None
    await feed.stop()


async def test_a_service_that_fails_is_left_alone_for_a_while(service: Service) -> None:
    clock = SteppedClock(OPEN)
    shares = TencentShares(clock, settings(service.url), open_now=lambda: True)
    service.status = 503
    await shares.refresh([SHARE])
    await shares.refresh(["000001"])
    assert (shares.latest(SHARE), len(service.asked)) == (None, 1)
    await clock.sleep(LONGEST_PAUSE)
    service.status = 200
    service.show(share_line())
    await shares.refresh([SHARE])
    assert shares.latest(SHARE) is not None
    await shares.stop()


async def test_an_older_answer_does_not_replace_a_newer_one(service: Service) -> None:
    clock = SteppedClock(OPEN)
    feed = TencentShares(clock, settings(service.url), open_now=lambda: True)
    service.show(share_line(last="9.10"))
    await feed.refresh([SHARE])
    service.show(share_line(last="9.00", f30="20260918103000"))
    await clock.sleep(10)
    await feed.refresh([SHARE])
    found = feed.latest(SHARE)
    assert found is not None and found.price == Decimal("9.10")
    assert len(service.asked) == 2
    await feed.stop()


async def test_a_service_that_hangs_delays_a_card_by_a_second_and_no_bond_s_price(service: Service) -> None:
    """Shares hang on a listening port that never answers, bonds are asked for at the same time."""
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    clock, code = RealClock(), BondCode("113052")
    service.show(line(code))
    hanging = TencentShares(clock, settings(f"http://127.0.0.1:{port}"), open_now=lambda: True)
    bonds = TencentQuotes(clock, open_now=lambda: True, address=service.url)
    try:
        hanging.watch([SHARE])
        await hanging.start()
        begun = clock.elapsed()
        waiting = asyncio.create_task(hanging.refresh(["000001"]))
        found = await bonds.snapshot([code])
        assert isinstance(found[code], Known)
        assert not waiting.done()
        await waiting
        assert WAIT <= clock.elapsed() - begun + 0.05 < PATIENCE
        assert hanging.latest(SHARE) is None
    finally:
        await hanging.stop()
        await bonds.stop()
        silent.close()
