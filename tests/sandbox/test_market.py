"""The sandbox's market is the same at every start, keeps the exchange's rules, and ends on the recorded closes."""

import asyncio
import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from itertools import pairwise
from time import monotonic

import pytest

from core.infra.clock import ScaledClock, SteppedClock
from core.model.bond import BondCode
from core.model.known import Known, Unknown
from core.model.order import Side
from core.model.quote import Quote, TradingState
from core.model.time import SHANGHAI
from core.quotes.feed import QuoteFeed
from core.rules.pricing import why_not_tradable
from core.sandbox.market import SandboxMarket
from core.sandbox.recorded import SandboxData
from tests.waiting import drained, until

RECORDED = date(2026, 5, 15)
IN_DEFAULT, SUSPENDED = BondCode("128044"), BondCode("127033")
LIMIT_UP_AT_CLOSE = BondCode("123267")
TICK = Decimal("0.001")


def at(hour: str, day: date = RECORDED) -> datetime:
    return datetime.combine(day, time.fromisoformat(hour), SHANGHAI)


def minutes(day: date = RECORDED, step: int = 1) -> Iterator[datetime]:
    """Each minute of both halves of a session, their ends included."""
    for opening in ("09:30", "13:00"):
        for minute in range(0, 121, step):
            yield at(opening, day) + timedelta(minutes=minute)


def market_at(data: SandboxData, moment: datetime, seed: int = 0) -> SandboxMarket:
    return SandboxMarket(SteppedClock(moment), data, seed)


def known(market: SandboxMarket, code: BondCode, moment: datetime) -> Quote:
    quote = market.quote(code, moment)
    assert isinstance(quote, Known)
    return quote.value


@pytest.fixture(scope="module")
def market(data: SandboxData) -> SandboxMarket:
    return market_at(data, at("09:30"))


def snapshot_records() -> dict[str, dict[str, str]]:
    text = files("core.sandbox").joinpath("data/cb_live_snapshot_20260515.csv").read_text(encoding="utf-8")
    return {record["ts_code"]: record for record in csv.DictReader(text.splitlines())}


def limit(previous: Decimal, factor: str) -> Decimal:
    return (previous * Decimal(factor)).quantize(TICK, ROUND_HALF_UP)


def test_two_markets_with_one_seed_agree(data: SandboxData) -> None:
    one, other = market_at(data, at("09:30")), market_at(data, at("14:00"))
    moments = [at("14:31:17"), at("10:02:03"), at("10:00", date(2026, 5, 20)), at("09:30"), at("14:58")]
    asked = [(code, moment) for code in one.codes[::7] for moment in moments]
    answers = {key: one.quote(*key) for key in asked}
    assert {key: other.quote(*key) for key in reversed(asked)} == answers


def test_another_seed_gives_another_path_to_the_same_close(data: SandboxData) -> None:
    one, other = market_at(data, at("09:30")), market_at(data, at("09:30"), seed=1)
    traded = [code for code in one.codes if known(one, code, at("10:00")).state is not TradingState.HALTED]
    differ = [code for code in traded if one.quote(code, at("10:41")) != other.quote(code, at("10:41"))]
    assert len(differ) > 0.95 * len(traded)
    assert all(known(one, code, at("15:00")).last == known(other, code, at("15:00")).last for code in traded)


def check_rules(quote: Quote, moment: datetime) -> None:
    """The rules every quote of a trading bond keeps."""
    prices = [price for price in (quote.last, quote.bid, quote.ask) if price is not None]
    assert quote.prev_close is not None
    low, high = limit(quote.prev_close, "0.8"), limit(quote.prev_close, "1.2")
    assert (quote.limit_down, quote.limit_up) == (low, high)
    assert all(low <= price == price.quantize(TICK) <= high for price in prices)
    assert moment - timedelta(seconds=3.1) <= quote.at <= moment or quote.state is TradingState.CLOSING_CALL
    assert quote.volume > 0
    assert quote.volume % 10 == 0
    if quote.state not in (TradingState.CONTINUOUS, TradingState.BREAK):
        assert quote.bid is None
        assert quote.ask is None
        return
    assert (quote.ask is None) == (quote.last == quote.limit_up)
    assert (quote.bid is None) == (quote.last == quote.limit_down)
    if quote.bid is not None and quote.ask is not None:
        assert quote.bid < quote.ask <= quote.bid + 30 * TICK
        assert quote.bid <= quote.last <= quote.ask
    for price, volume in ((quote.bid, quote.bid_volume), (quote.ask, quote.ask_volume)):
        assert (price is None) == (volume is None)
        assert volume is None or (volume > 0 and volume % 10 == 0)


@pytest.mark.slow
def test_a_recorded_day_keeps_the_rules_and_ends_on_the_recorded_closes(
    data: SandboxData, market: SandboxMarket
) -> None:
    records = snapshot_records()
    for code in market.codes:
        if data.bonds[code].turnover == 0:
            continue
        traded = 0
        for moment in minutes():
            quote = known(market, code, moment)
            check_rules(quote, moment)
            assert quote.source == "sandbox"
            assert quote.volume >= traded
            traded = quote.volume
        assert quote.last == Decimal(records[code]["close"])
        assert quote.at == at("15:00")
        assert quote.state is TradingState.CLOSED
        assert quote.prev_close == data.panel.rows(date(2026, 5, 14))[code].close
        turnover = Decimal(records[code]["amount_wan_yuan"]) * 10_000
        assert abs(traded * quote.last - turnover) <= 11 * quote.last


def test_simulated_later_sessions_keep_the_rules_and_are_marked(data: SandboxData, market: SandboxMarket) -> None:
    before = RECORDED
    for day in (date(2026, 5, 18), date(2026, 5, 19), date(2026, 5, 20)):
        for code in market.codes[::11]:
            if known(market, code, at("10:00", day)).state is TradingState.HALTED:
                continue
            for moment in minutes(day, step=20):
                quote = known(market, code, moment)
                check_rules(quote, moment)
                assert quote.source == "sandbox, synthetic"
                assert quote.prev_close == known(market, code, at("15:00", before)).last
            assert quote.last != quote.prev_close
        before = day


def test_prices_tick_about_every_three_seconds(market: SandboxMarket) -> None:
    code = BondCode("113042")
    quotes = [known(market, code, at("10:00") + timedelta(seconds=second)) for second in range(300)]
    assert 95 <= len({quote.at for quote in quotes}) <= 105
    assert len({quote.last for quote in quotes}) > 50
    for one, other in pairwise(quotes):
        assert (one == other) == (one.at == other.at)


def test_small_volumes_appear_sometimes(market: SandboxMarket) -> None:
    shown = [
        volume
        for code in market.codes[::3]
        for quote in [known(market, code, at("10:30"))]
        for volume in (quote.bid_volume, quote.ask_volume)
        if volume is not None
    ]
    assert 0.1 < sum(volume <= 50 for volume in shown) / len(shown) < 0.4


def test_a_day_has_its_incidents(market: SandboxMarket) -> None:
    day = date(2026, 5, 18)
    empty: dict[str, Counter[BondCode]] = {"bid": Counter(), "ask": Counter()}
    for code in market.codes:
        for moment in minutes(day, step=5):
            quote = known(market, code, moment)
            if quote.state is not TradingState.CONTINUOUS:
                continue
            for side, price in (("bid", quote.bid), ("ask", quote.ask)):
                empty[side][code] += price is None
    stood = {side: +counts for side, counts in empty.items()}
    assert [len(counts) for counts in stood.values()] == [1, 1]
    assert stood["bid"].keys() != stood["ask"].keys()
    assert all(1 <= count <= 4 for counts in stood.values() for count in counts.values())


def test_recorded_limit_up_close_is_reached(market: SandboxMarket) -> None:
    quote = known(market, LIMIT_UP_AT_CLOSE, at("15:00"))
    assert quote.last == quote.limit_up == Decimal("226.512")


def test_bonds_without_turnover_are_suspended_all_day(market: SandboxMarket) -> None:
    suspended = [code for code, record in snapshot_records().items() if float(record["amount_wan_yuan"]) == 0]
    assert len(suspended) == 5
    for code in map(BondCode, suspended):
        for hour in ("08:00", "09:30", "12:00", "14:50", "15:00", "20:00"):
            quote = known(market, code, at(hour))
            assert quote.state is TradingState.HALTED
            assert (quote.volume, quote.bid, quote.ask) == (0, None, None)
            assert quote.last == quote.prev_close == Decimal(snapshot_records()[code]["close"])
            assert quote.at < at("00:00")
            reason = why_not_tradable(Side.BUY, quote, RECORDED)
            assert reason is not None
            assert reason.startswith("suspended")


def test_the_bond_in_default_last_traded_when_it_fell_due(market: SandboxMarket) -> None:
    assert known(market, IN_DEFAULT, at("10:00")).at == at("15:00", date(2024, 8, 14))
    assert known(market, SUSPENDED, at("10:00")).at == at("15:00", date(2025, 9, 5))


def test_a_called_bond_stops_trading_three_sessions_before_its_last_conversion(market: SandboxMarket) -> None:
    called = BondCode("118004")  # converts until 2026-05-22, a Friday
    last_trade = known(market, called, at("15:00", date(2026, 5, 19)))
    assert last_trade.state is TradingState.CLOSED
    for day in (date(2026, 5, 20), date(2026, 5, 25)):
        quote = known(market, called, at("10:00", day))
        assert quote.state is TradingState.HALTED
        assert quote.last == last_trade.last
        assert quote.at == last_trade.at


def test_unknown_values_say_why(market: SandboxMarket) -> None:
    code = BondCode("113042")
    assert market.quote(code, at("09:29:59")) == Unknown("no trade yet today")
    assert market.quote(BondCode("119999"), at("10:00")) == Unknown("119999.SH is not traded in the sandbox")
    assert isinstance(market.quote(code, at("10:00", date(2026, 5, 14))), Unknown)
    assert isinstance(market.quote(code, at("10:00", date(2027, 1, 4))), Unknown)


def test_the_close_stays_after_the_close_and_on_weekends(market: SandboxMarket) -> None:
    code = BondCode("113042")
    close = market.quote(code, at("15:00"))
    assert market.quote(code, at("22:00")) == close
    assert market.quote(code, at("10:00", date(2026, 5, 16))) == close
    assert market.quote(code, at("10:00", date(2026, 5, 17))) == close
    assert market.quote(code, at("09:00", date(2026, 5, 18))) == Unknown("no trade yet today")


def test_the_break_shows_the_last_morning_price(market: SandboxMarket) -> None:
    quote = known(market, BondCode("113042"), at("12:10"))
    assert quote.state is TradingState.BREAK
    assert quote.at == at("11:30")
    assert quote == known(market, BondCode("113042"), at("11:30"))


def test_shenzhen_prices_do_not_move_in_the_closing_call(market: SandboxMarket) -> None:
    shenzhen, shanghai = BondCode("123225"), BondCode("113042")
    call = {known(market, shenzhen, at("14:57") + timedelta(seconds=second)) for second in range(0, 180, 7)}
    assert len(call) == 1
    assert call.pop().state is TradingState.CLOSING_CALL
    assert len({known(market, shanghai, at("14:57") + timedelta(seconds=second)) for second in range(0, 180, 7)}) > 20


def test_the_universe_contains_no_refused_code(data: SandboxData, market: SandboxMarket) -> None:
    assert len(market.codes) == 335
    assert {"132024.SH", "132026.SH"} == snapshot_records().keys() - set(market.codes)
    assert market.names[IN_DEFAULT] == "岭南转债"
    assert {IN_DEFAULT, SUSPENDED} <= market.rows_for_ranking(RECORDED).keys()


def test_rows_for_ranking(data: SandboxData, market: SandboxMarket) -> None:
    code, later = BondCode("113042"), date(2026, 5, 20)
    record = snapshot_records()[code]
    first = market.rows_for_ranking(RECORDED)[code]
    assert first.close == Decimal(record["close"])
    assert first.premium == float(record["conv_premium_pct"])
    row = market.rows_for_ranking(later)[code]
    assert row.close == known(market, code, at("15:00", date(2026, 5, 19))).last
    assert row.premium == pytest.approx((float(row.close) / float(record["conv_value"]) - 1) * 100, abs=0.001)
    assert row.years == pytest.approx(float(record["years_to_maturity"]) - 5 / 365)
    for day in (date(2026, 5, 14), date(2026, 5, 16)):
        with pytest.raises(ValueError, match="not a session of the sandbox"):
            market.rows_for_ranking(day)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (at("09:30"), RECORDED),
        (at("23:00"), RECORDED),
        (at("10:00", date(2026, 5, 17)), RECORDED),
        (at("08:00", date(2026, 5, 18)), date(2026, 5, 18)),
        (at("10:00", date(2020, 1, 1)), RECORDED),
    ],
)
def test_trading_day(data: SandboxData, moment: datetime, day: date) -> None:
    assert market_at(data, moment).trading_day() == day


async def test_the_snapshot_follows_the_clock(data: SandboxData) -> None:
    clock = SteppedClock(at("10:00"))
    feed: QuoteFeed = (market := SandboxMarket(clock, data))
    codes = [BondCode("113042"), IN_DEFAULT, BondCode("119999")]
    clock.move_to(at("10:05"))
    assert await feed.snapshot(codes) == {code: market.quote(code, at("10:05")) for code in codes}


async def heard_from(data: SandboxData, start: str, minutes: int) -> list[Mapping[BondCode, Quote]]:
    """What listeners get in this many market minutes."""
    clock = SteppedClock(at(start))
    market = SandboxMarket(clock, data)
    heard: list[Mapping[BondCode, Quote]] = []
    market.subscribe(heard.append)
    market.watch([BondCode("113042"), BondCode("123225"), IN_DEFAULT])
    await market.start()
    await until(lambda: clock.now() >= at(start) + timedelta(minutes=minutes))
    await market.stop()
    count = len(heard)
    await drained()
    assert len(heard) == count
    return heard


async def test_listeners_get_the_watched_bonds_that_changed(data: SandboxData) -> None:
    heard = await heard_from(data, "10:00", minutes=1)
    assert len(heard) > 1
    assert IN_DEFAULT in heard[0]
    assert {code for quotes in heard[1:] for code in quotes} == {BondCode("113042"), BondCode("123225")}


async def test_a_fast_market_ticks_five_times_a_second_at_most(data: SandboxData) -> None:
    market, heard = SandboxMarket(ScaledClock(at("10:00"), 60), data), list[Mapping[BondCode, Quote]]()
    market.subscribe(heard.append)
    market.watch([BondCode("113042")])
    begun = monotonic()
    await market.start()
    await until(lambda: len(heard) >= 3)
    await market.stop()
    assert len(heard) <= (monotonic() - begun) / 0.2 + 1


async def test_nothing_ticks_in_the_break(data: SandboxData) -> None:
    heard = await heard_from(data, "11:45", minutes=5)
    assert len(heard) == 1
    assert all(quote.state is not TradingState.CONTINUOUS for quote in heard[0].values())


async def test_a_failing_listener_does_not_affect_the_others(
    data: SandboxData, caplog: pytest.LogCaptureFixture
) -> None:
    market = SandboxMarket(ScaledClock(at("10:00"), 60), data)
    heard: list[Mapping[BondCode, Quote]] = []

    def broken(_: Mapping[BondCode, Quote]) -> None:
        raise RuntimeError("a fault")

    market.subscribe(broken)
    market.subscribe(heard.append)
    market.watch([BondCode("113042")])
    await market.start()
    await until(lambda: heard)
    await market.stop()
    assert "a listener failed" in caplog.text


async def test_start_and_stop_can_be_repeated(data: SandboxData) -> None:
    market = SandboxMarket(ScaledClock(at("10:00"), 60), data)
    for _ in range(2):
        await market.start()
        await market.start()
        await market.stop()
        await market.stop()


def test_the_equal_weight_index_moves_by_the_mean_change_of_the_bonds_that_trade(data: SandboxData) -> None:
    market, before = market_at(data, at("15:00", date(2026, 5, 18))), date(2026, 5, 14)
    found = asyncio.run(market.equal_weight_index())
    assert list(found) == [before, RECORDED, date(2026, 5, 18)]
    closes = {code: known(market, code, at("15:00")) for code in market.codes}
    changes = [
        quote.last / quote.prev_close - 1
        for quote in closes.values()
        if quote.state is not TradingState.HALTED and quote.prev_close is not None
    ]
    assert len(changes) == len(market.codes) - 5, "the five that did not trade are no part of it"
    assert abs(found[RECORDED] / found[before] - 1 - sum(changes, Decimal(0)) / len(changes)) < Decimal("0.000002")


def test_the_running_day_of_the_index_follows_the_last_prices(data: SandboxData) -> None:
    morning, evening = (asyncio.run(market_at(data, at(hour)).equal_weight_index()) for hour in ("09:30", "16:00"))
    assert morning[RECORDED] != evening[RECORDED]
    assert RECORDED not in asyncio.run(market_at(data, at("09:00")).equal_weight_index())
