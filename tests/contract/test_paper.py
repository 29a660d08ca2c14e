"""What is the paper broker's own, beside what every broker does."""

import sqlite3
from pathlib import Path

import pytest

from core.brokers.paper import PaperBroker
from core.brokers.paper_books import PaperBooks
from core.model.order import OrderState, Refused, Side
from tests.contract.venue import OPENING, SH, Account, PaperVenue, intent, quote


async def test_a_commit_that_fails_changes_nothing_and_costs_no_order_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = await PaperVenue.opened(tmp_path)
    account = Account(venue)
    await venue.show(quote(SH, OPENING))
    before = await account.asset()

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(PaperBooks, "set_order", full)
        with pytest.raises(sqlite3.OperationalError):
            await venue.broker.place(intent("b-0", SH, Side.BUY, 10, "100.01"))
    assert await account.asset() == before
    first = await account.send(intent("b-1", SH, Side.BUY, 10, "100.01"))
    await venue.reopen()
    second = await account.send(intent("b-2", SH, Side.BUY, 10, "100.01"))
    assert first.order_id != second.order_id
    assert (await account.order("b-1")).state is OrderState.FILLED
    await venue.close()


async def test_a_remark_is_taken_once_even_after_the_order_is_over(tmp_path: Path) -> None:
    venue = await PaperVenue.opened(tmp_path)
    await venue.show(quote(SH, OPENING))
    await Account(venue).send(intent("b-1", SH, Side.BUY, 10, "100.01"))
    await venue.reopen()
    again = await venue.broker.place(intent("b-1", SH, Side.BUY, 10, "100.01"))
    assert isinstance(again, Refused)
    assert (await Account(venue).position(SH)).volume == 10
    await venue.close()


async def test_a_broker_that_was_stopped_lets_quotes_pass(tmp_path: Path) -> None:
    venue = await PaperVenue.opened(tmp_path)
    await venue.show(quote(SH, OPENING))
    await Account(venue).send(intent("b-1", SH, Side.BUY, 10, "99"))
    await venue.broker.stop()
    await venue.show(quote(SH, OPENING, last="98.99", bid="98.98", ask="99"))
    await venue.reopen()
    assert (await Account(venue).order("b-1")).state is OrderState.WORKING
    await venue.close()


def test_it_lists_every_order() -> None:
    assert PaperBroker.lists_every_order
