"""Two thousand lists as the platform may give them, over real HTTP, each carried out where it is not refused.

Each row is drawn with what it stands for, so the expectation does not come from the reader.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.model.order import Side
from core.model.plan import Plan
from core.model.settings import GuardSettings, Settings, StrategySettings
from tests.engine.list_world import PARAMETERS, QUOTED, SELECT, ListWorld, list_world
from tests.factorcat.server import answer
from tui.screens.plan_rows import plan_summary

TODAY, YESTERDAY = "2026-05-15", "2026-05-14"
SPELLINGS: dict[str, Sequence[Any]] = {
    TODAY: [TODAY, "20260515", "2026/05/15", "2026/5/15", 20260515, f"{TODAY} 14:30:00", 1778803200000],
    YESTERDAY: [YESTERDAY, "20260514", "2026/05/14", 20260514, f"{YESTERDAY}T15:00:00+08:00"],
    "2026-05-12": ["2026-05-12", 20260512],
    "2026-05-18": ["2026-05-18", "20260518"],
}
OTHER_KINDS = ("132026", "124001", "117186", "404001", "400001", "120001", "137001", "145001")
NO_BOND: Sequence[Any] = (
    "600000",
    300750,
    "139001",
    "12700",
    "兴业转债",
    "-",
    True,
    1.5,
    {},
    [],
    "113001.SZ",
    "\x1b[2J",
)
NO_DATE: Sequence[Any] = ("soon", "2026-13-01", 20260230, True, {}, -5, "15/05/2026")
NO_PRICE: Sequence[Any] = ("--", 0, -1, True, "NaN", 1e30, [], float("inf"))

_MANY_ORDERS = GuardSettings(max_daily_orders=10**6, max_daily_buys=10**10)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class Row:
    """A row with what it stands for: a bond, or another kind. `broken`: nobody can say, or its values are none."""

    sent: Any
    code: str | None
    day: str | None = None
    broken: bool = False


def spelt(digits: str) -> st.SearchStrategy[Any]:
    market = "SH" if digits.startswith("11") else "SZ"
    return st.sampled_from(
        [digits, f"{digits}.{market}", f"{digits}.{market.lower()}", int(digits), f"{market}{digits}"]
    )


@st.composite
def row_of(draw: st.DrawFn, day: str | None) -> Row:
    code = draw(st.sampled_from(QUOTED * 3 + OTHER_KINDS))
    fields: dict[str, Any] = {draw(st.sampled_from(["kzz_code", "kzz_code", "code"])): draw(spelt(code))}
    own_day = day if draw(st.integers(0, 9)) else None
    fields["trade_date"] = None if own_day is None else draw(st.sampled_from(SPELLINGS[own_day]))
    fields["name"] = draw(st.sampled_from(["某转债", None, "", 7, "a" * 500, "\x1b[31m"]))
    fields["price"] = draw(st.sampled_from([100, "112.73", 99.5, None, ""]))
    for name in draw(st.lists(st.sampled_from(["name", "price", "trade_date"]), max_size=2, unique=True)):
        if fields[name] is None:
            del fields[name]
    if not draw(st.integers(0, 3)):
        fields["more"] = draw(st.sampled_from([None, [1, {"a": 2}], "x", 0.5]))
    fault = draw(st.sampled_from([""] * 27 + ["code", "date", "price"]))
    if fault == "code":
        fields = {key: value for key, value in fields.items() if key not in ("kzz_code", "code")}
        fields["kzz_code"] = draw(st.sampled_from(NO_BOND))
        return Row(fields, None, own_day, broken=True)
    if fault == "date":
        return Row(fields | {"trade_date": draw(st.sampled_from(NO_DATE))}, code, None, broken=True)
    if fault == "price":
        return Row(fields | {"price": draw(st.sampled_from(NO_PRICE))}, code, own_day, broken=True)
    return Row(fields, code, own_day)


@dataclass(frozen=True)
class Listing:
    """A list, the settings that it is read by, and what its record says of timing."""

    rows: tuple[Row, ...]
    settings: Settings
    timing: object

    @property
    def bonds(self) -> set[str]:
        return {row.code for row in self.rows if row.code in QUOTED}

    @property
    def must_be_refused(self) -> bool:
        codes, days = [row.code for row in self.rows], {row.day for row in self.rows if row.day}
        guards, strategy = self.settings.guards, self.settings.strategy
        if not codes:
            return not (strategy.empty_list == "sell" and self.timing in (1, "2"))
        others = sum(code in OTHER_KINDS for code in codes)
        return (
            any(row.broken for row in self.rows)
            or len(set(codes)) < len(codes)
            or len(days) > 1
            or not (days or guards.undated_list == "allow")
            or not days <= {TODAY, *([YESTERDAY] if guards.max_list_age else [])}
            or others > guards.max_skipped_ratio * len(codes)
            or not self.bonds
        )


@st.composite
def listings(draw: st.DrawFn) -> Listing:
    day = draw(st.sampled_from([TODAY] * 6 + [YESTERDAY] * 4 + [None] * 2 + ["2026-05-12", "2026-05-18"]))
    other = draw(st.sampled_from([day] * 9 + [YESTERDAY]))
    distinct = draw(st.integers(0, 9))
    rows = draw(
        st.lists(
            row_of(day) if other == day else st.one_of(row_of(day), row_of(other)),
            max_size=8,
            unique_by=(lambda row: (row.code, str(row.sent) if row.code is None else "")) if distinct else None,
        )
    )
    guards = GuardSettings(
        max_list_age=draw(st.sampled_from([0, 1, 1])),
        undated_list=draw(st.sampled_from(["refuse", "allow"])),
        max_skipped_ratio=draw(st.sampled_from(["0.2", "0.5", "1"])),  # pyright: ignore[reportArgumentType]
        min_list_ratio=0,  # pyright: ignore[reportArgumentType]
    )
    strategy = StrategySettings(strategy_id=1, history_id=1, empty_list=draw(st.sampled_from(["hold", "sell"])))
    chosen = Settings(mode="paper", strategy=strategy, guards=guards)
    return Listing(tuple(rows), chosen, draw(st.sampled_from([0, 1, "2", None, "x"])))


async def follow(world: ListWorld, listing: Listing) -> tuple[Plan, int]:
    """Plan by the list and carry that out; the plan, and how many orders were sent for it. Fails where one is wrong."""
    orders, rotation = world.components.order_manager, world.components.rotation
    held = {code[:6] for code in orders.ledger.holdings()}
    world.use(listing.settings)
    world.server.on(SELECT, answer(200, [{"selected_bonds": [row.sent for row in listing.rows]}]))
    world.server.on(PARAMETERS, answer(200, {"parameters": {"timingOption": listing.timing}}))
    plan = await rotation.plan()
    assert plan_summary(plan, None).plain
    assert (plan.refused is not None) == listing.must_be_refused, plan.refused
    named = {row.code for row in listing.rows}
    assert all(leg.code[:6] in listing.bonds for leg in plan.buys), plan.buys
    assert all(leg.code[:6] not in named for leg in plan.sells), plan.sells
    if plan.refused is not None:
        assert plan.legs == ()
        assert plan.refused.isprintable()
    elif plan.legs:
        await rotation.execute(plan)
    sent = orders.journal.of_plan(plan.plan_id)
    for order in sent:
        code = order.intent.code[:6]
        assert code in (listing.bonds if order.intent.side is Side.BUY else held - named)
    assert {code[:6] for code in orders.ledger.holdings()} >= held & named
    assert plan.refused is None or not sent
    return plan, len(sent)


@pytest.mark.slow
def test_no_order_for_a_bond_that_is_not_listed_and_no_sale_for_a_row_that_cannot_be_read(tmp_path: Path) -> None:
    with asyncio.Runner() as runner, _Running(runner, tmp_path) as running:

        @settings(
            max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
        )
        @given(listings())
        def follow_each(listing: Listing) -> None:
            running.count(runner.run(follow(running.world, listing)))

        follow_each()
        assert min(running.refused, running.followed, running.orders) >= 200


class _Running:
    """A world that stays open between the runs of one loop, and counts what became of its lists."""

    refused = followed = orders = 0

    def __init__(self, runner: asyncio.Runner, folder: Path) -> None:
        self._runner, self._folder, self._stack = runner, folder, AsyncExitStack()

    def count(self, done: tuple[Plan, int]) -> None:
        plan, orders = done
        self.refused += plan.refused is not None
        self.followed += plan.refused is None
        self.orders += orders

    def __enter__(self) -> "_Running":
        self.world = self._runner.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._stack.aclose())

    async def _open(self) -> ListWorld:
        world = await self._stack.enter_async_context(list_world(self._folder, _MANY_ORDERS))
        await world.follow()
        return world
