"""Several sources behind one feed: one is active at a time, and the next takes over."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from core.infra.clock import SteppedClock
from core.model.bond import BondCode
from core.model.known import Known, Maybe, Unknown
from core.model.quote import Quote
from core.model.snapshot import SourceStatus
from core.quotes import failover
from core.quotes.failover import FIRST_ANSWER, RETRY, STALE_AFTER, FailoverQuotes
from core.quotes.feed import QuoteListener
from tests.waiting import drained, until
from tests.worlds import NOW, quote

A, B = BondCode("113001"), BondCode("127001")


class Said:
    """A source with prices set by the test."""

    def __init__(self, name: str, clock: SteppedClock) -> None:
        self.name = name
        self.clock = clock
        self.trouble: str | None = None
        self.prices: dict[BondCode, Quote] = {}
        self.watched: set[BondCode] = set()
        self.asked = 0
        self.running = False
        self.heard_at = -1e9
        self._listeners: list[QuoteListener] = []

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False

    def watch(self, codes: Iterable[BondCode]) -> None:
        self.watched = set(codes)

    def subscribe(self, listener: QuoteListener) -> None:
        self._listeners.append(listener)

    async def universe(self) -> Maybe[tuple[BondCode, ...]]:
        return Known(tuple(self.prices)) if self.trouble is None else Unknown(self.trouble)

    async def snapshot(self, codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        self.asked += 1
        if self.trouble is not None:
            return dict.fromkeys(codes, Unknown(self.trouble))
        return {code: Known(self.prices[code]) if code in self.prices else Unknown("not known") for code in codes}

    def latest(self, code: BondCode, within: float) -> Quote | None:
        return self.prices.get(code) if self.clock.elapsed() - self.heard_at <= within else None

    def show(self, last: str, code: BondCode = A, at: timedelta = timedelta(0)) -> None:
        self.prices[code] = quote(code, last, source=self.name, at=self.clock.now() + at)

    def push(self, last: str, code: BondCode = A) -> None:
        self.show(last, code)
        self.heard_at = self.clock.elapsed()
        for listener in self._listeners:
            listener({code: self.prices[code]})


class SourcesWorld:
    def __init__(self, *, cross_check: bool = False) -> None:
        self.clock = SteppedClock(NOW)
        self.first, self.second, self.third = (Said(name, self.clock) for name in ("QMT", "Tencent", "akshare"))
        self.all = (self.first, self.second, self.third)
        for source in self.all:
            source.show("100")
        self.feed = FailoverQuotes(
            self.all, self.clock, open_now=lambda: True, cross_check=cross_check, ratio=Decimal("0.01")
        )
        self.told: list[str] = []
        self.feed.subscribe(lambda quotes: self.told.extend(f"{q.source} {q.last}" for q in quotes.values()))
        self.feed.watch([A])

    def passes(self, seconds: float) -> None:
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))

    async def source(self, *codes: BondCode) -> set[str]:
        found = await self.feed.snapshot(codes or (A,))
        return {q.value.source if isinstance(q, Known) else q.reason for q in found.values()}


async def test_only_the_first_source_is_used_while_it_works() -> None:
    world = SourcesWorld()
    world.second.show("101", B)
    assert await world.source(A, B) == {"QMT", "not known"}  # missing bonds are not taken from another source
    assert world.second.asked == 0


async def test_the_next_source_is_used_while_the_first_is_unreachable(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    world = SourcesWorld()
    world.first.trouble = "no terminal"
    assert await world.source() == {"Tencent"}
    assert "quotes now come from Tencent (QMT since 14:50:00: no terminal)" in caplog.text
    assert [(state.name, state.active, state.status, state.reason) for state in world.feed.states()] == [
        ("QMT", False, SourceStatus.UNREACHABLE, "no terminal"),
        ("Tencent", True, SourceStatus.WORKING, ""),
        ("akshare", False, SourceStatus.WORKING, ""),
    ]
    world.first.trouble = None
    assert await world.source() == {"Tencent"}  # requested again only after a while
    world.passes(RETRY)
    assert await world.source() == {"QMT"}
    assert "quotes now come from QMT" in caplog.text


async def test_if_every_source_is_unreachable_each_is_named_with_its_time() -> None:
    world = SourcesWorld()
    for number, source in enumerate(world.all):
        source.trouble = f"trouble {number}"
    (said,) = await world.source()
    world.passes(120)
    (later,) = await world.source()
    for text in (said, later):
        assert text.startswith("no price, no quote source can be reached: QMT since 14:50:00: trouble 0; Tencent since")
        assert "akshare since 14:50:00: trouble 2" in text
    world.third.trouble = None
    assert await world.source() == {"akshare"}  # a resting source is requested too if no other responds


async def test_listeners_get_quotes_of_the_active_source_only() -> None:
    world = SourcesWorld()
    world.first.push("101")
    world.second.push("102")
    world.first.trouble = "gone"
    await world.feed.snapshot([A])
    world.first.push("103")
    world.second.push("104")
    assert world.told == ["QMT 101", "Tencent 104"]


async def test_only_the_active_source_and_better_ones_are_polled() -> None:
    world = SourcesWorld()
    assert [bool(source.watched) for source in world.all] == [True, False, False]
    world.first.trouble = "gone"
    await world.feed.snapshot([A])
    assert [bool(source.watched) for source in world.all] == [True, True, False]
    assert [bool(source.watched) for source in SourcesWorld(cross_check=True).all] == [True, True, False]


async def test_the_second_source_is_never_the_first_one() -> None:
    world = SourcesWorld()
    found = await world.feed.second_opinion([A])
    price = found[A]
    assert isinstance(price, Known)
    assert price.value.source == "Tencent"
    world.second.trouble = world.third.trouble = "gone"
    silent = (await world.feed.second_opinion([A]))[A]
    assert isinstance(silent, Unknown)
    assert "Tencent since" in silent.reason
    assert "akshare since" in silent.reason


async def test_a_slow_second_source_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = SourcesWorld()
    monkeypatch.setattr(failover, "SECOND_TIMEOUT", 0.02)
    asked, answer = asyncio.Event(), asyncio.Event()
    at_once = world.second.snapshot

    async def slowly(codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        asked.set()
        await answer.wait()
        return await at_once(codes)

    world.second.snapshot = slowly  # type: ignore[method-assign]
    found = (await world.feed.second_opinion([A]))[A]
    assert isinstance(found, Known)
    assert found.value.source == "akshare"
    assert asked.is_set()
    answer.set()
    await drained()
    late = (await world.feed.second_opinion([A]))[A]
    assert isinstance(late, Known)
    assert late.value.source == "Tencent"


async def test_a_stale_source_is_replaced_by_one_with_newer_prices(caplog: pytest.LogCaptureFixture) -> None:
    world = SourcesWorld()
    world.first.push("100")
    await world.feed.start()

    def switched() -> bool:
        world.second.show("100")
        return world.feed.name == "Tencent"

    await until(switched)  # the checks move the clock on
    assert "stale: Tencent has newer prices" in caplog.text
    await world.feed.stop()


async def test_a_quiet_market_does_not_make_a_source_stale() -> None:
    world = SourcesWorld()
    world.first.push("100")
    await world.feed.start()
    await until(lambda: world.second.asked >= 3)
    assert world.feed.name == "QMT"
    await world.feed.stop()


def test_a_recent_price_of_the_second_source_can_contradict_a_price() -> None:
    world = SourcesWorld(cross_check=True)
    world.second.push("100")
    bad = quote(A, "94", source="QMT", at=world.clock.now())
    assert "two sources disagree: last price 94 (QMT" in str(world.feed.contradiction(bad))
    assert world.feed.contradiction(quote(A, "99.5", source="QMT", at=world.clock.now())) is None
    world.passes(11)
    assert world.feed.contradiction(bad) is None  # without prices since then it does not count


def test_a_second_source_s_previous_close_of_today_counts_all_day() -> None:
    world = SourcesWorld(cross_check=True)
    world.second.push("100")
    mine = quote(A, "100", source="QMT", at=world.clock.now(), prev_close=Decimal(110))
    assert "two sources disagree: previous close 110 (QMT" in str(world.feed.other_prev_close(mine))
    world.passes(3000)
    assert world.feed.other_prev_close(mine) is not None
    assert world.feed.other_prev_close(replace(mine, prev_close=Decimal(100))) is None
    assert world.feed.other_prev_close(replace(mine, prev_close=None)) is None


@pytest.mark.parametrize("of_yesterday", [False, True])
def test_a_second_source_that_is_still_to_answer_today_holds_a_price_back_for_a_while(of_yesterday: bool) -> None:
    world = SourcesWorld(cross_check=True)
    world.second.prices.clear()
    if of_yesterday:
        world.second.show("100", at=-timedelta(days=1))
    mine = quote(A, "94", source="QMT", at=world.clock.now(), prev_close=Decimal(110))
    for answer in (world.feed.contradiction, world.feed.other_prev_close):
        assert answer(mine) == "Tencent has not answered yet, to check the price by"
    world.passes(FIRST_ANSWER)
    assert (world.feed.contradiction(mine), world.feed.other_prev_close(mine)) == (None, None)
    tomorrow = replace(mine, at=mine.at + timedelta(days=1))
    assert world.feed.other_prev_close(tomorrow) is not None


def test_a_second_source_that_is_out_of_reach_or_not_watched_holds_nothing_back() -> None:
    for cross_check, trouble in ((True, "status 503"), (False, None)):
        world = SourcesWorld(cross_check=cross_check)
        world.second.prices.clear()
        world.second.trouble = trouble
        mine = quote(A, "94", source="QMT", at=world.clock.now())
        assert (world.feed.contradiction(mine), world.feed.other_prev_close(mine)) == (None, None)


def test_the_active_source_does_not_contradict_itself() -> None:
    world = SourcesWorld()
    world.first.push("100")
    assert world.feed.contradiction(quote(A, "94", source="QMT", at=world.clock.now())) is None


async def test_changed_settings_swap_the_sources_while_quotes_come() -> None:
    world = SourcesWorld()
    await world.feed.start()
    fourth = Said("mirror", world.clock)
    fourth.show("100")
    await world.feed.use_sources([fourth, world.first])
    assert [source.running for source in (*world.all, fourth)] == [True, False, False, True]
    assert [state.name for state in world.feed.states()] == ["mirror", "QMT"]
    assert fourth.watched == {A}
    for source in (world.first, world.second, fourth):
        source.push("101")
    assert world.told == ["mirror 101"]
    assert await world.source() == {"mirror"}
    await world.feed.use_sources(world.all)
    assert [source.running for source in (*world.all, fourth)] == [True, True, True, False]
    world.first.push("102")
    assert world.told == ["mirror 101", "QMT 102"]
    await world.feed.stop()


async def test_a_swap_takes_quotes_from_a_source_that_works() -> None:
    world = SourcesWorld()
    world.first.trouble = "no terminal"
    assert await world.source() == {"Tencent"}
    await world.feed.use_sources([world.first, world.third])
    assert world.feed.name == "akshare"


async def test_a_source_that_joins_during_a_check_is_not_called_stale() -> None:
    world = SourcesWorld()
    world.first.push("100")
    world.passes(STALE_AFTER + 25)
    world.second.show("101")
    ask_second, fourth = world.second.snapshot, Said("mirror", world.clock)

    async def swap_meanwhile(codes: Iterable[BondCode]) -> Mapping[BondCode, Maybe[Quote]]:
        await world.feed.use_sources([fourth, world.second])
        return await ask_second(codes)

    world.second.snapshot = swap_meanwhile  # type: ignore[method-assign]
    await world.feed._check_sources()  # pyright: ignore[reportPrivateUsage]
    assert [state.status for state in world.feed.states()] == [SourceStatus.WORKING, SourceStatus.WORKING]
    assert world.feed.name == "mirror"


async def test_the_list_of_all_bonds_is_that_of_the_first_source_which_has_one() -> None:
    world = SourcesWorld()
    world.second.show("100", B)
    assert await world.feed.universe() == Known((A,))
    world.first.trouble = "MiniQMT is closed"
    assert await world.feed.universe() == Known((A, B))


async def test_without_a_list_of_all_bonds_each_source_s_reason_is_named() -> None:
    world = SourcesWorld()
    for source in world.all:
        source.trouble = f"{source.name} is out of reach"
    found = await world.feed.universe()
    assert found == Unknown("QMT is out of reach; Tencent is out of reach; akshare is out of reach")


async def test_a_source_that_raises_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    world = SourcesWorld()

    async def broken(_: object) -> Mapping[BondCode, Maybe[Quote]]:
        raise RuntimeError("an exception nobody listed")

    monkeypatch.setattr(world.first, "snapshot", broken)
    assert await world.source() == {"Tencent"}
    assert world.feed.states()[0].reason == "an exception nobody listed"
