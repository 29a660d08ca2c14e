"""Situations for tests: a small market, a list, an account, built from few words."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from core.model.account import Asset, Holdings, Owned, Position
from core.model.bond import BondCode
from core.model.known import Known, Maybe
from core.model.platform import Selected, Selection
from core.model.quote import Quote, TradingState
from core.model.time import SHANGHAI
from core.rules.plan_input import PlanInput

DAY = date(2026, 5, 15)
NOW = datetime(2026, 5, 15, 14, 50, tzinfo=SHANGHAI)


def quote(code: str, last: str = "100", **changes: Any) -> Quote:
    """A quote in continuous trading, a tick's spread around `last`, limits 20 % around it."""
    price = Decimal(last)
    made = Quote(
        code=BondCode(code),
        name=f"bond {code[:6]}",
        last=price,
        at=NOW,
        source="test",
        state=TradingState.CONTINUOUS,
        prev_close=price,
        bid=price - Decimal("0.001"),
        ask=price + Decimal("0.001"),
        volume=1000,
    )
    return replace(made, **changes)


def selection(*codes: str, day: date = DAY) -> Selection:
    """The list of a record with market timing: without codes, everything may be sold."""
    bonds = tuple(Selected(BondCode(code), f"bond {code[:6]}", None) for code in codes)
    return Selection(1, 1, day, bonds, NOW, timing=Known(True))


def position(code: str, volume: int, sellable: int | None = None) -> Position:
    return Position(BondCode(code), volume, volume if sellable is None else sellable, Decimal(100))


def ledger(**volumes: int) -> Holdings:
    """`ledger(b113001=100)`: code to volume; a name cannot begin with a digit."""
    codes = {BondCode(name[1:]): volume for name, volume in volumes.items()}
    return {code: Owned(code, volume, Decimal(100)) for code, volume in codes.items()}


def situation(
    listed: Selection,
    quotes: Mapping[BondCode, Maybe[Quote]],
    *,
    owned: Holdings | None = None,
    positions: tuple[Position, ...] | None = None,
    cash: str = "100000",
) -> PlanInput:
    """Everything known; without `positions` the account holds just what the ledger owns."""
    book = owned or {}
    held = positions if positions is not None else tuple(position(str(c), o.volume) for c, o in book.items())
    return PlanInput(
        plan_id="260515-test00",
        mode="sandbox",
        now=NOW,
        trading_day=DAY,
        selection=Known(listed),
        positions=Known(held),
        ledger=Known(book),
        asset=Known(Asset(Decimal(cash), Decimal(0), Decimal(0))),
        quotes=quotes,
        busy=Known({}),
    )


def market(*quotes: Quote) -> dict[BondCode, Maybe[Quote]]:
    return {one.code: Known(one) for one in quotes}
