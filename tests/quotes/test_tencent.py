"""Tencent's lines: which give a price and which do not."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.infra.clock import SteppedClock
from core.model.bond import BondCode
from core.model.known import Known, Unknown
from core.model.order import Side
from core.model.quote import Quote, TradingState
from core.quotes.tencent import TencentQuotes, read_lines
from core.rules.pricing import why_not_tradable
from tests.quotes.tencent_service import OPEN, Service, dead, line, served

SH, SZ = BondCode("113052"), BondCode("127030")


def read(text: str, code: BondCode = SH) -> Quote:
    found = read_lines(text, OPEN)[code]
    assert isinstance(found, Known), found
    return found.value


def refused(text: str) -> str:
    found = read_lines(text, OPEN)[SH]
    assert isinstance(found, Unknown), found
    return found.reason


def test_a_line_becomes_a_quote() -> None:
    quote = read(line(SH))
    assert (quote.name, quote.last, quote.prev_close) == ("转债052", Decimal("112.500"), Decimal("112.000"))
    assert (quote.bid, quote.ask) == (Decimal("112.499"), Decimal("112.501"))
    assert (quote.limit_up, quote.limit_down) == (Decimal("134.400"), Decimal("89.600"))
    assert quote.at == OPEN
    assert (quote.source, quote.state) == ("Tencent", TradingState.CONTINUOUS)


def test_volumes_are_converted_to_zhang() -> None:
    assert read(line(SH)).volume == 1_423_600
    assert read(line(SH)).bid_volume == 1200
    in_zhang = line(SH, f35="112.500/142360/15987028")
    assert read(in_zhang).volume == 142_360
    assert read(in_zhang).bid_volume == 120


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"f35": "112.500/142360/46996"}, "match no unit"),
        ({"f31": "31.887"}, "its fields have moved"),
        ({"f30": "31.887"}, "'31.887' is not a time"),
        ({"f30": "2026112093003"}, "is not a time"),
        ({"f3": "0.000", "f31": "-112.000"}, "no last price"),
        ({"f6": "4.61"}, "field 6 is 4.61, not a count"),
        ({"f3": "nan"}, "'nan' is not a number"),
        ({"f2": "113053"}, "it is for 113053"),
        ({"f47": "100.000"}, "above its limit-up"),
    ],
)
def test_a_line_with_shifted_fields_gives_no_price(changes: dict[str, Any], said: str) -> None:
    assert said in refused(line(SH, **changes))


def test_a_truncated_line_gives_no_price() -> None:
    assert "fields" in refused(f'v_sh{SH[:6]}="1~name~{SH[:6]}~112.5";')


def test_a_delisted_bond_s_placeholder_gives_no_price() -> None:
    assert refused(dead(SH)) == "no price: Tencent reports the bond as delisted"


def test_the_placeholder_of_a_listed_bond_means_suspension() -> None:
    quote = read(dead(SH).replace("~D~", "~~"))
    assert quote.state is TradingState.HALTED
    assert "suspended, last traded at 144.967" in str(why_not_tradable(Side.BUY, quote, OPEN.date()))


def test_a_suspension_is_read() -> None:
    assert read(line(SH, f40="S")).state is TradingState.HALTED


def test_yesterday_s_line_gives_no_price_of_today() -> None:
    quote = read(line(SH, f30="20260917150003"))
    assert str(why_not_tradable(Side.BUY, quote, OPEN.date())).startswith("no price of today")


def test_the_closing_call_is_for_shenzhen_only() -> None:
    late = OPEN.replace(hour=14, minute=58)
    at = {"f30": "20260918145755"}
    for code, state in ((SH, TradingState.CONTINUOUS), (SZ, TradingState.CLOSING_CALL)):
        found = read_lines(line(code, **at), late)[code]
        assert isinstance(found, Known)
        assert found.value.state is state


def test_an_unknown_code_gives_no_price() -> None:
    assert read_lines('v_pv_none_match="1";', OPEN) == {}


@pytest.fixture
def service() -> Iterator[Service]:
    with served() as service:
        yield service


@pytest.fixture
async def feed(service: Service) -> AsyncIterator[TencentQuotes]:
    feed = TencentQuotes(SteppedClock(OPEN + timedelta(seconds=1)), open_now=lambda: True, address=service.url)
    yield feed
    await feed.stop()


async def test_many_bonds_are_requested_in_few_requests(service: Service, feed: TencentQuotes) -> None:
    codes = [BondCode(f"{prefix}{number:03d}") for prefix in ("113", "127") for number in range(400)]
    service.show(*(line(code) for code in codes))
    found = await feed.snapshot(codes)
    assert all(isinstance(quote, Known) for quote in found.values())
    assert [len(asked) for asked in service.asked] == [300, 300, 200]
    assert service.asked[0][0] == "sh113000"


@pytest.mark.parametrize(("status", "body"), [(503, None), (200, b"<html>no</html>"), (200, b"")])
async def test_an_unexpected_response_counts_as_unreachable(
    service: Service, feed: TencentQuotes, status: int, body: bytes | None
) -> None:
    service.status, service.body = status, body
    found = (await feed.snapshot([SH]))[SH]
    assert isinstance(found, Unknown)
    assert "cannot reach Tencent" in found.reason
    assert feed.trouble is not None


ODD = ("1e30", "NaN", "inf", "1e400", "9" * 5000, "x", "\x00")


@pytest.mark.parametrize("place", range(50))
def test_an_odd_field_silences_its_own_line_alone(place: int) -> None:
    for odd in ODD:
        found = read_lines(line(SH, **{f"f{place}": odd}) + line(SZ), OPEN)
        assert isinstance(found[SZ], Known)
        quote = found.get(SH)
        assert not isinstance(quote, Known) or quote.value.last == Decimal("112.500")


async def test_any_error_of_a_source_is_its_own_trouble_and_ends_with_it(
    service: Service, feed: TencentQuotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.show(line(SH))
    with monkeypatch.context() as broken:
        broken.setattr("core.quotes.tencent.read_lines", lambda *_: 1 // 0)
        assert isinstance((await feed.snapshot([SH]))[SH], Unknown)
        assert feed.trouble == "integer division or modulo by zero"
    assert isinstance((await feed.snapshot([SH]))[SH], Known)
    assert feed.trouble is None


async def test_a_time_in_the_future_holds_back_no_later_price(service: Service) -> None:
    clock = SteppedClock(OPEN)
    feed = TencentQuotes(clock, open_now=lambda: True, address=service.url)
    lasts = []
    for last, at in (("112.500", "20991231103003"), ("111.000", "20260918103003"), ("110.000", "20260918102903")):
        service.show(line(SH, last, f30=at))
        clock.move_to(clock.now() + timedelta(seconds=2))
        found = (await feed.snapshot([SH]))[SH]
        assert isinstance(found, Known)
        lasts.append(str(found.value.last))
    await feed.stop()
    assert lasts == ["112.500", "111.000", "111.000"]  # the last one is older than a price that is known
