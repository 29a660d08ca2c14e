"""The terminal's quotes through the SDK's real Python layer: push, snapshot, drops and silence."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime

import pytest
from miniqmt_emulator.control import Control

from core.infra.clock import ScaledClock
from core.model.bond import BondCode
from core.model.bond_info import RedemptionState
from core.model.known import Known, Unknown
from core.model.quote import Quote, TradingState
from core.model.time import SHANGHAI
from core.quotes.qmt import QmtQuotes
from core.quotes.qmt_ticks import read_bond
from tests.miniqmt.terminal import shared_terminal
from tests.waiting import PATIENCE

OPENING = datetime(2026, 5, 15, 10, 0, tzinfo=SHANGHAI)
A, B = BondCode("113001"), BondCode("127002")
SPEED = 50.0


class Listener:
    def __init__(self) -> None:
        self.heard: list[Mapping[BondCode, Quote]] = []
        self._came = asyncio.Event()

    def __call__(self, quotes: Mapping[BondCode, Quote]) -> None:
        self.heard.append(quotes)
        self._came.set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true():
                self._came.clear()
                await self._came.wait()

    def last(self, code: BondCode) -> str | None:
        return next((str(quotes[code].last) for quotes in reversed(self.heard) if code in quotes), None)


@pytest.fixture
def control() -> Control:
    control = shared_terminal().control
    control.reset(
        {
            "clock": "2026-05-15 10:00:00",
            "instruments": [{"code": str(code), "name": f"bond {code[:6]}", "prev_close": 100.0} for code in (A, B)],
        }
    )
    for code in (A, B):
        control.set_quote(code, 100.0, volume_add=1000)
    return control


@pytest.fixture
async def feed(control: Control) -> AsyncGenerator[QmtQuotes]:
    feed = QmtQuotes(ScaledClock(OPENING, SPEED), open_now=lambda: True, timeout=1.0)
    await feed.start()
    yield feed
    await feed.stop()


@pytest.fixture
def listener(feed: QmtQuotes) -> Listener:
    listener = Listener()
    feed.subscribe(listener)
    return listener


async def test_watched_bonds_are_pushed(feed: QmtQuotes, listener: Listener, control: Control) -> None:
    feed.watch([A])
    await listener.until(lambda: listener.last(A) == "100.000")
    control.set_quote(B, 101.0)
    control.set_quote(A, 102.5)
    await listener.until(lambda: listener.last(A) == "102.500")
    assert listener.last(B) is None
    feed.watch([B])
    await listener.until(lambda: listener.last(B) == "101.000")


async def test_a_snapshot_is_one_call_and_static_data_is_read_once_a_day(feed: QmtQuotes, control: Control) -> None:
    for _ in range(3):
        quotes = await feed.snapshot([A, B])
    assert {str(code): found.value.name for code, found in quotes.items() if isinstance(found, Known)} == {
        "113001.SH": "bond 113001",
        "127002.SZ": "bond 127002",
    }
    calls = control.dump()["calls"]
    assert (calls["full_tick"], calls["instrument_detail"]) == (3, 2)


async def test_price_limits_read_at_night_are_read_again_in_the_morning(control: Control) -> None:
    """The terminal updates them with the day's first data; until then they are yesterday's."""
    clock = ScaledClock(OPENING.replace(hour=0, minute=5), 1.0)
    feed = QmtQuotes(clock, open_now=lambda: False, timeout=10.0)
    await feed.start()
    await feed.snapshot([A])
    control.add_instrument(str(A), name="bond", prev_close=110.0)
    control.set_quote(A, 110.0)
    clock.move_to(OPENING.replace(hour=9, minute=15))
    found = (await feed.snapshot([A]))[A]
    await feed.stop()
    assert isinstance(found, Known)
    assert str(found.value.limit_up) == "132.000"


async def test_a_bond_the_terminal_does_not_know_is_unknown_and_others_are_not(
    feed: QmtQuotes, control: Control
) -> None:
    control.hide_tick(B)
    quotes = await feed.snapshot([A, B, BondCode("113999")])
    assert isinstance(quotes[A], Known)
    assert isinstance(quotes[B], Unknown)
    assert isinstance(quotes[BondCode("113999")], Unknown)


async def test_a_suspended_bond_is_marked_suspended(feed: QmtQuotes, control: Control) -> None:
    control.suspend(A)
    found = (await feed.snapshot([A]))[A]
    assert isinstance(found, Known)
    assert found.value.state is TradingState.HALTED
    assert found.value.bid is None


@pytest.mark.parametrize("mode", ["error", "no_response"])
async def test_a_failing_or_hanging_call_gives_no_price_and_the_next_one_works(
    feed: QmtQuotes, control: Control, mode: str
) -> None:
    await feed.snapshot([A])
    control.next_call("full_tick", mode)
    assert isinstance((await feed.snapshot([A]))[A], Unknown)
    assert isinstance((await feed.snapshot([A]))[A], Known)


async def test_an_unreachable_terminal_gives_no_price_until_it_is_back(
    feed: QmtQuotes, listener: Listener, control: Control
) -> None:
    feed.watch([A])
    await listener.until(lambda: bool(listener.heard))
    control.drop_link("quote")
    assert isinstance((await feed.snapshot([A]))[A], Unknown)
    control.restore_link("quote")
    control.set_quote(A, 103.0)
    await listener.until(lambda: listener.last(A) == "103.000")


async def test_a_silently_lost_subscription_is_renewed(feed: QmtQuotes, listener: Listener, control: Control) -> None:
    """Connected and responding but without pushes, as after a switch of quote servers."""
    feed.watch([A])
    await listener.until(lambda: bool(listener.heard))
    control.drop_link("quote", noticed_after=0.0)
    control.restore_link("quote")
    before = control.dump()["calls"].get("subscribe_whole", 0)
    control.set_quote(A, 104.0)
    await listener.until(lambda: listener.last(A) == "104.000")
    assert control.dump()["calls"]["subscribe_whole"] > before


async def test_an_unchanged_price_is_not_published(feed: QmtQuotes, listener: Listener, control: Control) -> None:
    """A renewed subscription pushes old prices, which must not end the alarm of missing prices."""
    feed.watch([A])
    await listener.until(lambda: bool(listener.heard))
    subscribed = control.dump()["calls"]["subscribe_whole"]
    await asyncio.to_thread(control.wait_for, lambda: control.dump()["calls"]["subscribe_whole"] > subscribed)
    await feed.snapshot([A])
    assert len(listener.heard) == 1


async def test_all_bonds_of_the_terminal_are_listed(feed: QmtQuotes, control: Control) -> None:
    control.add_instrument("600000.SH", kind="stock")
    assert await feed.universe() == Known((A, B))
    control.next_call("sector_members", "error")
    assert isinstance(await feed.universe(), Unknown)


async def test_redemption_data_of_a_paid_account_are_read_with_the_static_data(
    feed: QmtQuotes, control: Control
) -> None:
    told = {"forceRedeemTradeDate": 20260529, "forceRedeemPrice": 100.4, "redeemStatus": "16/15 | 30"}
    control.add_instrument(
        str(A), name="bond", prev_close=100.0, list_date="20240102", maturity_date="20300101", cb_info=told
    )
    control.set_quote(A, 100.0)
    await feed.snapshot([A, B])
    facts = feed.facts(A)
    assert facts is not None
    assert (facts.call, facts.counted, facts.source) == (RedemptionState.CALLED, (16, 15), "QMT")
    assert (str(facts.last_trade), str(facts.redemption_price)) == ("2026-05-29", "100.4")
    assert (str(facts.listed), str(facts.maturity)) == ("2024-01-02", "2030-01-01")
    other = feed.facts(B)
    assert other is not None
    assert (other.call, other.last_trade) == (None, None)


@pytest.mark.parametrize(
    ("status", "call", "counted"),
    [
        ("12/15｜30", None, (12, 15)),
        ("14/30", None, None),
        ("已公告强赎", RedemptionState.CALLED, None),
        ("已满足强赎条件 16/15 | 30", None, (16, 15)),  # its issuer may have declined
    ],
)
def test_the_redemption_status_of_the_terminal(
    status: str, call: RedemptionState | None, counted: tuple[int, int] | None
) -> None:
    facts = read_bond(A, {}, {"redeemStatus": status}, datetime.now(SHANGHAI))
    assert (facts.call, facts.counted) == (call, counted)


async def test_an_account_without_paid_data_still_has_prices(feed: QmtQuotes, control: Control) -> None:
    control.next_call("cb_info", "error")
    assert isinstance((await feed.snapshot([A]))[A], Known)
    facts = feed.facts(A)
    assert facts is not None
    assert facts.call is None


@pytest.mark.parametrize("call", ["instrument_detail", "cb_info"])
async def test_static_data_failing_for_one_bond_silence_no_other(feed: QmtQuotes, control: Control, call: str) -> None:
    control.next_call(call, "error")
    quotes = await feed.snapshot([A, B])
    assert all(isinstance(quote, Known) for quote in quotes.values()), quotes
    assert feed.trouble is None
    assert (feed.facts(A) is None) == (call == "instrument_detail")
    assert feed.facts(B) is not None


async def test_a_call_stays_known_where_the_terminal_answers_no_more(control: Control) -> None:
    told = {"forceRedeemTradeDate": 20260529, "forceRedeemPrice": 100.4}
    control.add_instrument(str(A), name="bond", prev_close=100.0, cb_info=told)
    control.set_quote(A, 100.0)
    clock = ScaledClock(OPENING.replace(hour=0, minute=5), 1.0)
    feed = QmtQuotes(clock, open_now=lambda: False, timeout=10.0)
    await feed.start()
    await feed.snapshot([A])
    clock.move_to(OPENING.replace(hour=9, minute=15))
    control.next_call("cb_info", "error")
    await feed.snapshot([A])
    await feed.stop()
    facts = feed.facts(A)
    assert facts is not None
    assert (facts.call, str(facts.last_trade)) == (RedemptionState.CALLED, "2026-05-29")


async def test_a_stopped_feed_can_be_started_again(feed: QmtQuotes, listener: Listener, control: Control) -> None:
    """Settings may take the terminal out of the quote sources and put it back."""
    feed.watch([A])
    await listener.until(lambda: listener.last(A) is not None)
    await feed.stop()
    await feed.start()
    assert isinstance((await feed.snapshot([A]))[A], Known)
    control.set_quote(A, 101.0, volume_add=1000)
    await listener.until(lambda: listener.last(A) == "101.000")


async def test_a_bond_not_subscribed_to_is_subscribed_to_and_priced_in_the_same_snapshot(
    feed: QmtQuotes, control: Control
) -> None:
    control.configure(full_tick_needs_subscription=True, latency={"first_push": 0.01})
    quotes = await feed.snapshot([A, B])
    assert all(isinstance(quote, Known) for quote in quotes.values()), quotes
    control.set_quote(A, 101.5)
    later = (await feed.snapshot([A]))[A]
    assert isinstance(later, Known)
    assert str(later.value.last) == "101.500"


async def test_a_bond_without_a_price_is_waited_for_once_a_day(feed: QmtQuotes, control: Control) -> None:
    control.hide_tick(B)
    assert isinstance((await feed.snapshot([A, B]))[B], Unknown)
    before = control.dump()["calls"]["full_tick"]
    assert isinstance((await feed.snapshot([A, B]))[B], Unknown)
    assert control.dump()["calls"]["full_tick"] == before + 1
