"""A bond that several shareholder accounts (股东账户) of the customer hold: one order sells from one of them."""

from decimal import Decimal

import pytest

from core.model.account import Position, summed
from core.model.known import Known
from tests.trading import hostile
from tests.trading.hostile import Manner
from tests.trading.trading_world import SELL, A, B, TradingWorld


def _split(world: TradingWorld, monkeypatch: pytest.MonkeyPatch, shares: list[int]) -> None:
    """List the holding of A as rows of these volumes; what was sold came from the first ones."""

    async def positions() -> Known[tuple[Position, ...]]:
        left, parts = world.broker.held[A], []
        for share in reversed(shares):
            volume = min(share, left)
            left -= volume
            parts += [Position(A, volume, volume, Decimal(100))] if volume else []
        return Known(summed(parts))

    monkeypatch.setattr(world.broker, "positions", positions)


async def test_what_two_shareholder_accounts_hold_is_sold_one_after_the_other(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One order sells from one of them, whole lots or all that it has there."""
    world.own(A=198)
    _split(world, monkeypatch, [105, 93])
    plan = await world.plan(B)
    assert [(leg.code, leg.volume) for leg in plan.sells] == [(A, 105)]
    await world.rotation.execute(plan)
    assert world.sent(SELL) == [(A, 105), (A, 93)]
    assert A not in world.owned
    assert B in world.owned
    assert len({intent.client_order_id for intent in world.broker.placed}) == 3
    assert max(len(intent.client_order_id) for intent in world.broker.placed) <= 23


async def test_a_stop_sells_what_two_shareholder_accounts_hold(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.own(A=200)

    _split(world, monkeypatch, [120, 80])
    await world.ticked(A, "90")
    assert world.sent(SELL) == [(A, 120), (A, 80)]


@pytest.mark.parametrize("manner", [hostile.rejects, hostile.works, hostile.never_arrives])
async def test_the_second_account_s_sale_that_fails_is_not_tried_again_for_ever(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch, manner: Manner
) -> None:
    world.own(A=200)

    _split(world, monkeypatch, [120, 80])
    world.broker.manners[A] = [hostile.fills_at_once, *[manner] * 20]
    plan = await world.plan(B)
    await world.rotation.execute(plan)
    reprices = world.rotation.settings.orders.reprices if manner is hostile.works else 0
    assert world.sent(SELL) == [(A, 120), *[(A, 80)] * (1 + reprices)]
