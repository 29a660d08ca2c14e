"""What only the paper broker does."""

import sqlite3
from pathlib import Path

import pytest

from core.brokers.paper_store import PaperStore
from core.model.known import Known
from core.model.order import OrderState, Refused, Side
from core.model.quote import TradingState
from tests.contract.venue import OPENING, SH, Account, PaperVenue, intent, quote


async def test_a_failed_commit_changes_nothing_and_uses_no_order_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = await PaperVenue.opened(tmp_path)
    account = Account(venue)
    await venue.show(quote(SH, OPENING))
    before = await account.asset()

    def full(*_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(PaperStore, "set_order", full)
        refused = await venue.broker.place(intent("b-0", SH, Side.BUY, 10, "100.01"))
        assert isinstance(refused, Refused)
        assert not refused.sent
    assert await account.asset() == before
    first = await account.send(intent("b-1", SH, Side.BUY, 10, "100.01"))
    await venue.reopen()
    second = await account.send(intent("b-2", SH, Side.BUY, 10, "100.01"))
    assert first.order_id != second.order_id
    assert (await account.order("b-1")).state is OrderState.FILLED
    await venue.close()


async def test_a_remark_is_accepted_once_even_after_its_order_has_ended(tmp_path: Path) -> None:
    venue = await PaperVenue.opened(tmp_path)
    await venue.show(quote(SH, OPENING))
    await Account(venue).send(intent("b-1", SH, Side.BUY, 10, "100.01"))
    await venue.reopen()
    again = await venue.broker.place(intent("b-1", SH, Side.BUY, 10, "100.01"))
    assert isinstance(again, Refused)
    assert (await Account(venue).position(SH)).volume == 10
    await venue.close()


async def test_a_stopped_broker_ignores_quotes(tmp_path: Path) -> None:
    venue = await PaperVenue.opened(tmp_path)
    await venue.show(quote(SH, OPENING))
    await Account(venue).send(intent("b-1", SH, Side.BUY, 10, "99"))
    await venue.broker.stop()
    await venue.show(quote(SH, OPENING, last="98.99", bid="98.98", ask="99"))
    await venue.reopen()
    assert (await Account(venue).order("b-1")).state is OrderState.WORKING
    await venue.close()


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
@pytest.mark.parametrize("state", [state for state in TradingState if state is not TradingState.CONTINUOUS])
async def test_no_order_is_accepted_outside_continuous_trading(tmp_path: Path, state: TradingState, side: Side) -> None:
    venue = await PaperVenue.opened(tmp_path)
    account = Account(venue)
    await account.own(SH, 100)
    await venue.show(quote(SH, OPENING, state=state))
    assert (await account.send(intent("x-1", SH, side, 10, "100"))).state is OrderState.REJECTED
    await venue.close()


async def test_no_order_is_accepted_on_a_price_of_another_day(tmp_path: Path) -> None:
    venue = await PaperVenue.opened(tmp_path)
    await venue.show(quote(SH, OPENING))
    await venue.next_day()
    order = await Account(venue).send(intent("x-1", SH, Side.BUY, 10, "100.01", venue.now.date()))
    assert order.state is OrderState.REJECTED
    await venue.close()


async def test_an_expired_order_is_reported(tmp_path: Path) -> None:
    venue = await PaperVenue.opened(tmp_path)
    account = Account(venue)
    await venue.show(quote(SH, OPENING))
    await account.send(intent("b-1", SH, Side.BUY, 100, "99"))
    await venue.next_day()
    await venue.show(quote(SH, venue.now))
    lapsed = await account.order("b-1")
    assert (venue.events[-1], lapsed.state) == (lapsed, OrderState.LAPSED)
    await venue.close()


async def test_orders_of_last_month_are_forgotten_and_no_number_is_given_out_again(tmp_path: Path) -> None:
    venue = await PaperVenue.opened(tmp_path)
    account = Account(venue)
    await venue.show(quote(SH, OPENING))
    orders = [await account.send(intent(f"b-{number}", SH, Side.BUY, 10, "100.01")) for number in range(3)]
    for _ in range(31):
        await venue.next_day()
    await venue.reopen()
    kept = await venue.broker.orders(OPENING.date())
    assert isinstance(kept, Known)
    assert [order.remark for order in kept.value] == ["b-2"]
    assert (await account.position(SH)).volume == 30
    await venue.show(quote(SH, venue.now))
    later = await account.send(intent("b-4", SH, Side.BUY, 10, "100.01"))
    assert later.order_id not in {order.order_id for order in orders}
    fills = await venue.broker.fills(OPENING.date())
    assert isinstance(fills, Known)
    assert [fill.remark for fill in fills.value] == ["b-2", "b-4"]
    assert len({fill.trade_id for fill in fills.value}) == 2
    await venue.close()
