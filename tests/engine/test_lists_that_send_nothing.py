"""A rebalance against a real HTTP server: with any fault in the list no order is sent."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from core.engine.assembly import Components
from core.model.account import Asset
from core.model.known import Known
from core.model.plan import Plan
from core.model.settings import GuardSettings
from core.trading.executor import RebalanceRefused
from tests.engine.list_world import CODES, GOOD, SELECT, ListWorld, list_world, listed, row
from tests.factorcat.server import Reply, Server, answer, cut_off, raw, set_timeout, silence
from tests.worlds import DAY


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ListWorld]:
    guards = GuardSettings(min_list_ratio=Decimal("0.5"), max_turnover_ratio=Decimal("0.5"))
    async with list_world(tmp_path, guards) as world:
        yield world


@pytest.fixture
def server(world: ListWorld) -> Server:
    return world.server


@pytest.fixture
def components(world: ListWorld) -> Components:
    return world.components


async def cash(components: Components) -> Decimal:
    asset = await components.order_manager.broker.asset()
    assert isinstance(asset, Known)
    assert isinstance(asset.value, Asset)
    return asset.value.cash


async def follow(components: Components) -> Plan:
    await components.rotation.reconcile()
    plan = await components.rotation.plan()
    await components.rotation.execute(plan)
    return plan


async def test_a_good_list_is_bought(components: Components, server: Server) -> None:
    """The positive control: this server, this account and these prices do send orders."""
    server.on(SELECT, GOOD)
    plan = await follow(components)
    assert len(plan.legs) == 4
    assert set(components.order_manager.ledger.holdings()) == {leg.code for leg in plan.legs}


async def test_a_login_that_ends_in_the_middle_of_a_plan_is_renewed_and_the_plan_goes_on(
    components: Components, server: Server
) -> None:
    """The negative control is the row 401 below: a platform that refuses the fresh login too."""
    server.on(SELECT, answer(401, {"detail": "token expired"}), GOOD)
    plan = await follow(components)
    assert server.count("/auth/login") == 2
    assert len(plan.legs) == 4
    assert set(components.order_manager.ledger.holdings()) == {leg.code for leg in plan.legs}


BAD: dict[str, tuple[Reply, str]] = {
    "silent": (silence(), "in time|within"),
    "cut off": (cut_off([{"selected_bonds": [row(code) for code in CODES]}]), "middle|cut off|ended"),
    "401": (answer(401, {"detail": "token expired"}), "Log in"),
    "422": (answer(422, {"detail": [{"loc": ["body", "strategy_history_id"], "msg": "not a number"}]}), "not a number"),
    "500": (raw(500, b"the database is gone"), "the database is gone"),
    "not JSON": (raw(200, b"<html>maintenance</html>"), "JSON"),
    "renamed key": (answer(200, [{"bonds": [row("113001")]}]), "selected_bonds"),
    "empty": (listed(), "empty|no bond"),
    "missing code": (listed(row("113001"), {"name": "x", "price": 1, "trade_date": "2026-05-15"}), "code"),
    "equity code": (listed(row("113001"), row("600000")), "600000"),
    "exchangeable": (listed(row("113001"), row("132026")), "exchangeable"),
    "duplicate": (listed(row("113001"), row("113001.SH")), "113001"),
    "two dates": (listed(row("113001"), row("113002", trade_date="2026-05-14")), "2026-05-14"),
    "stale": (listed(*[row(code, trade_date="2026-04-24") for code in CODES]), "stale: it is dated 2026-04-24"),
    "of tomorrow": (listed(*[row(code, trade_date="2026-05-18") for code in CODES]), "later than"),
}


@pytest.mark.parametrize("name", BAD)
async def test_an_invalid_list_sends_nothing_and_says_why(components: Components, server: Server, name: str) -> None:
    reply, words = BAD[name]
    server.on(SELECT, GOOD)
    await follow(components)
    held, money = components.order_manager.ledger.holdings(), await cash(components)
    server.on(SELECT, reply)
    if name == "silent":
        set_timeout(components.platform, 0.3)
    plan = await components.rotation.plan()
    assert plan.refused is not None
    assert any(word in plan.refused for word in words.split("|")), plan.refused
    assert plan.legs == ()
    with pytest.raises(RebalanceRefused):
        await components.rotation.execute(plan)
    assert (components.order_manager.ledger.holdings(), await cash(components)) == (held, money)
    assert len(components.order_manager.journal.of_day(DAY)) == 4


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (CODES[:1], "too short: 1 bonds, after 4"),
        ((CODES[0], "127005", "127006", "127007"), "changes too much: 3 of its 4 bonds"),
    ],
)
async def test_a_truncated_or_too_different_list_sends_nothing(
    components: Components, server: Server, codes: tuple[str, ...], words: str
) -> None:
    server.on(SELECT, GOOD)
    await follow(components)
    server.on(SELECT, listed(*[row(code) for code in codes]))
    plan = await components.rotation.plan()
    assert plan.refused is not None
    assert words in plan.refused
    assert plan.legs == ()


async def test_an_unreachable_platform_sends_nothing(components: Components, server: Server) -> None:
    server.on(SELECT, GOOD)
    await follow(components)
    await server.stop()
    plan = await components.rotation.plan()
    assert plan.refused is not None
    assert plan.legs == ()
    await server.start()


async def test_codes_without_suffix_or_in_lower_case_are_accepted(components: Components, server: Server) -> None:
    server.on(SELECT, GOOD)
    await follow(components)
    server.on(SELECT, listed(row("113001.SH"), row("113002.sh"), row(" 123003 "), row("127004.SZ")))
    plan = await components.rotation.plan()
    assert plan.refused is None
    assert plan.legs == ()
    assert len(plan.kept) == 4
