"""Rebalances with a hold band, from list to list."""

from core.model.settings import BuySettings
from tests.trading.conftest import MakeWorld
from tests.trading.trading_world import BUY, SELL, A, B, C, D, settings


async def test_a_bond_is_sold_once_it_has_left_the_band_and_its_place_is_bought_then(make_world: MakeWorld) -> None:
    world = make_world(settings().model_copy(update={"buy": BuySettings(top=2, hold_band=1)}))
    assert await world.rebalance(A, B, C, D) == "done"
    assert world.owned.keys() == {A, B}
    await world.rebalance(C, A, B, D)  # B has fallen into the band: C waits
    assert world.owned.keys() == {A, B}
    assert len(world.broker.placed) == 2
    await world.rebalance(C, A, D, B)
    assert world.owned.keys() == world.broker.held_now.keys() == {A, C}
    assert [(intent.side, intent.code) for intent in world.broker.placed[2:]] == [(SELL, B), (BUY, C)]


async def test_without_a_band_it_is_sold_at_once(make_world: MakeWorld) -> None:
    world = make_world(settings().model_copy(update={"buy": BuySettings(top=2)}))
    await world.rebalance(A, B, C, D)
    await world.rebalance(C, A, B, D)
    assert world.owned.keys() == {A, C}
