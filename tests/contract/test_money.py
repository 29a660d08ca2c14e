"""No sequence of orders, cancels, price moves, nights and restarts makes or loses money, or sells what is not there."""

import asyncio
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.model.bond import BondCode
from core.model.order import BrokerOrder, Fill, OrderState, Side
from tests.contract.openers import OPENERS
from tests.contract.venue import CAPITAL, OPENING, SH, SZ, Account, fills_of, intent, known, quote


@dataclass(frozen=True)
class Place:
    code: BondCode
    side: Side
    volume: int
    ticks: int


@dataclass(frozen=True)
class Cancel:
    number: int


@dataclass(frozen=True)
class Market:
    code: BondCode
    ticks: int
    shown: int | None
    bid: bool
    ask: bool


@dataclass(frozen=True)
class Night:
    quoted: bool


@dataclass(frozen=True)
class Restart:
    pass


Step = Place | Cancel | Market | Night | Restart

CODES = st.sampled_from([SH, SZ])
TICKS = st.integers(-3, 3).map(lambda cents: 100_000 + 10 * cents)
VOLUMES = st.one_of(st.integers(1, 40).map(lambda lots: 10 * lots), st.integers(1, 400))
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(Place, CODES, st.sampled_from(Side), VOLUMES, TICKS),
    st.builds(Market, CODES, TICKS, st.none() | st.integers(0, 300), st.booleans(), st.booleans()),
    st.builds(Cancel, st.integers(0, 5)),
    st.builds(Place, CODES, st.just(Side.BUY), st.just(400), st.just(100_020)),
    st.builds(Night, st.booleans()),
    st.builds(Restart),
)


@dataclass
class Walk:
    """An account on its way through random steps."""

    account: Account
    placed: list[str] = field(default_factory=list[str])
    ticks: dict[BondCode, int] = field(default_factory=lambda: {SH: 100_000, SZ: 100_000})
    moment: int = 0

    async def take(self, step: Step) -> None:
        venue = self.account.venue
        match step:
            case Place():
                remark = f"w-{len(self.placed)}"
                price = str(Decimal(step.ticks).scaleb(-3))
                await venue.broker.place(intent(remark, step.code, step.side, step.volume, price, venue.now.date()))
                self.placed.append(remark)
            case Cancel() if self.placed:
                remark = self.placed[step.number % len(self.placed)]
                for order in known(await venue.broker.orders(OPENING.date())):  # those of past days may be gone
                    if order.remark == remark:
                        await venue.broker.cancel(order.order_id)
            case Market():
                await self._show(step)
            case Night():
                await venue.next_day()
                for code in (SH, SZ) if step.quoted else ():
                    await self._show(Market(code, self.ticks[code], 100, True, True))
            case Restart():
                await venue.reopen()
            case _:
                pass
        await venue.settled()

    async def _show(self, step: Market) -> None:
        venue = self.account.venue
        self.moment += 3
        self.ticks[step.code] = step.ticks
        shown = quote(
            step.code,
            venue.now + timedelta(seconds=self.moment),
            last=str(Decimal(step.ticks).scaleb(-3)),
            bid=str(Decimal(step.ticks - 10).scaleb(-3)) if step.bid else None,
            ask=str(Decimal(step.ticks + 10).scaleb(-3)) if step.ask else None,
            bid_volume=step.shown,
            ask_volume=step.shown,
        )
        await venue.show(shown)

    async def check(self) -> None:
        broker = self.account.venue.broker
        asset = await self.account.asset()
        orders = known(await broker.orders(OPENING.date()))
        fills = fills_of(self.account.venue.events)
        held = {row.code: row for row in known(await broker.positions())}
        assert asset.cash >= 0
        assert asset.frozen >= 0
        assert asset.cash + asset.frozen == CAPITAL + sum(map(_money, fills))
        assert (asset.frozen == 0) == (not any(_working_buy(order) for order in orders))
        for code in (SH, SZ):
            volume = sum(fill.volume if fill.side is Side.BUY else -fill.volume for fill in fills if fill.code == code)
            selling = sum(order.volume - order.filled_volume for order in orders if _working_sell(order, code))
            row = held.get(code)
            assert (row.volume if row else 0) == volume >= 0
            assert (row.sellable if row else 0) == volume - selling >= 0
        for order in orders:
            mine = [fill for fill in fills if (fill.trading_day, fill.order_id) == (order.trading_day, order.order_id)]
            assert order.filled_volume == sum(fill.volume for fill in mine)
            assert order.filled_volume <= order.volume
            assert order.state is not OrderState.FILLED or order.filled_volume == order.volume
        today = self.account.venue.now.date()
        listed = known(await broker.fills(today))
        assert [fill for fill in fills if fill.trading_day >= today] == list(listed)


def _money(fill: Fill) -> Decimal:
    return (-fill.amount if fill.side is Side.BUY else fill.amount) - fill.fee


def _working_buy(order: BrokerOrder) -> bool:
    return order.side is Side.BUY and order.state in {OrderState.WORKING, OrderState.PART_FILLED}


def _working_sell(order: BrokerOrder, code: BondCode) -> bool:
    working = order.state in {OrderState.WORKING, OrderState.PART_FILLED}
    return order.code == code and order.side is Side.SELL and working


async def _walk(opener: str, steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        venue = await OPENERS[opener](Path(folder))
        try:
            walk = Walk(Account(venue))
            await venue.show(quote(SH, OPENING), quote(SZ, OPENING))
            for step in steps:
                await walk.take(step)
                await walk.check()
        finally:
            await venue.close()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=10, max_size=40))
def test_money_and_bonds_are_conserved_on_paper(steps: list[Step]) -> None:
    asyncio.run(_walk("paper", steps))


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=10, max_size=40))
def test_money_and_bonds_are_conserved_at_a_terminal(steps: list[Step]) -> None:
    asyncio.run(_walk("qmt", steps))
