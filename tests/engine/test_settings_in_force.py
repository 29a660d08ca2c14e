"""A changed setting takes effect in the running engine, within a second, and harms no order."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from core.engine.assembly import build
from core.engine.current_settings import CurrentSettings
from core.engine.engine import Engine
from core.infra.config import load_settings
from core.infra.home import Home
from core.model.bond import BondCode
from core.model.command import ChangeSetting, ExecutePlan, MakePlan, ReadSettings
from core.model.known import Known
from core.model.order import Order, OrderState
from core.model.settings import Settings
from core.model.snapshot import PositionRow, Snapshot
from core.trading.rotation import Rotation
from tests.engine.test_engine import FAST, ask, ended, refusal, started, until
from tests.quotes.tencent_service import line, served
from tests.waiting import until as wait_for
from tui.cli.offline import prepare_demo

SECOND = 10.0
"""Seconds that a change may take to show on a busy machine; an idle one needs less than one."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    home = Home(tmp_path)
    prepare_demo(home)
    with started(Engine(home, load_settings(home.path, environ={}), speed=FAST)) as engine:
        engine.wait_ready()
        yield engine


def managed(shown: Snapshot) -> tuple[PositionRow, ...]:
    """Holdings with a stop."""
    found = shown.positions.value if isinstance(shown.positions, Known) else ()
    return tuple(row for row in found if row.stop is not None and row.cost)


def stopped_at(ratio: str) -> Callable[[Snapshot], bool]:
    """Whether every managed holding has its stop-loss this far below its cost."""

    def seen(shown: Snapshot) -> bool:
        rows = managed(shown)
        return bool(rows) and all(
            row.stop is not None
            and row.cost is not None
            and row.stop.loss is not None
            and abs(row.stop.loss / row.cost - (1 - Decimal(ratio))) < Decimal("0.001")
            for row in rows
        )

    return seen


def working(shown: Snapshot) -> dict[str, Order]:
    """Open orders at the broker, by client order id."""
    return {order.intent.client_order_id: order for order in shown.orders if order.live}


def buy_everything(engine: Engine) -> None:
    plan = ask(engine, MakePlan())
    ask(engine, ExecutePlan(plan.plan_id))
    until(engine, ended(plan.plan_id))


def test_a_new_stop_loss_shows_at_once_and_leaves_the_orders_alone(engine: Engine) -> None:
    buy_everything(engine)
    before = engine.latest
    assert before is not None
    assert "in use" in ask(engine, ChangeSetting("stops.stop_loss", "0.2"))
    until(engine, stopped_at("0.2"), SECOND)
    ask(engine, ChangeSetting("stops.stop_loss", "0.3"))
    shown = until(engine, stopped_at("0.3"), SECOND)
    assert [(order.intent, order.state) for order in shown.orders] == [(o.intent, o.state) for o in before.orders]


def test_a_new_stop_loss_leaves_a_working_order_at_the_broker(tmp_path: Path) -> None:
    home = Home(tmp_path)
    prepare_demo(home)
    settings = load_settings(home.path, environ={})
    patient = settings.model_copy(update={"orders": settings.orders.model_copy(update={"timeout": 600})})
    with started(Engine(home, patient, speed=3)) as engine:
        engine.wait_ready()
        plan = ask(engine, MakePlan())
        engine.send(ExecutePlan(plan.plan_id))
        shown = until(engine, lambda seen: bool(working(seen)) and bool(managed(seen)))
        before = working(shown)
        ask(engine, ChangeSetting("stops.stop_loss", "0.25"))
        shown = until(engine, stopped_at("0.25"), SECOND)
        after = {order.intent.client_order_id: order for order in shown.orders}
        assert all(after[key].intent == order.intent for key, order in before.items())
        assert {after[key].state for key in before} <= {OrderState.WORKING, OrderState.PART_FILLED, OrderState.FILLED}


def test_the_basis_and_the_switch_of_the_stops_take_effect(engine: Engine) -> None:
    buy_everything(engine)
    ask(engine, ChangeSetting("stops.stop_loss", "0.3"))
    ask(engine, ChangeSetting("stops.basis", "prev_close"))
    until(engine, lambda shown: all(row.stop and "close" in row.stop.basis for row in managed(shown)), SECOND)
    ask(engine, ChangeSetting("stops.enabled", "false"))
    until(engine, lambda shown: shown.stops is not None and shown.stops.armed == 0, SECOND)


def test_a_changed_schedule_and_limit_take_effect(engine: Engine) -> None:
    ask(engine, ChangeSetting("schedule.time", "10:07"))
    until(engine, lambda shown: any(f"{job.at:%H:%M}" == "10:07" for job in shown.jobs), SECOND)
    ask(engine, ChangeSetting("guards.max_daily_orders", "7"))
    until(engine, lambda shown: any(limit.name == "orders" and limit.most == 7 for limit in shown.limits), SECOND)


def test_a_plan_made_under_other_settings_is_discarded(engine: Engine) -> None:
    plan = ask(engine, MakePlan())
    ask(engine, ChangeSetting("buy.amount", "5000"))
    ask(engine, ChangeSetting("buy.amount_type", "fixed"))
    until(engine, lambda shown: shown.plan is None, SECOND)
    assert refusal(engine, ExecutePlan(plan.plan_id)).refused
    amounts = [leg.price * leg.volume for leg in ask(engine, MakePlan()).legs]
    assert 0 < max(amounts) <= 5000


def test_a_receiver_that_is_set_is_notified_without_a_restart(engine: Engine) -> None:
    ask(engine, ChangeSetting("notify.urls", '["json://127.0.0.1:1/"]'))
    until(engine, lambda shown: any(row.name == "news" for row in shown.health), 10)


def test_restart_settings_say_so_and_invalid_ones_change_nothing(engine: Engine) -> None:
    assert "after a restart" in ask(engine, ChangeSetting("factorcat.base_url", "https://example.org"))
    assert "greater than" in refusal(engine, ChangeSetting("buy.amount", "-1")).text
    rows = {row.key: row for row in ask(engine, ReadSettings()).rows}
    assert rows["factorcat.base_url"].pending
    assert not rows["factorcat.base_url"].at_once
    assert (rows["buy.amount"].value, rows["buy.amount"].pending) == (rows["buy.amount"].in_use, False)


def test_a_sandbox_that_began_with_its_own_strategy_waits_for_no_restart(engine: Engine) -> None:
    """Nobody chose that one, and an engine that starts again follows it too."""
    rows = ask(engine, ReadSettings()).rows
    assert [row.key for row in rows if row.pending] == []
    assert next(row.value for row in rows if row.key == "strategy.history_id") != "0"


async def test_quotes_come_from_the_new_source_once_the_rebalance_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = BondCode("113052")

    def settings(address: str) -> Settings:
        quotes = {"sources": ("tencent",), "tencent": address}
        return Settings.model_validate({"mode": "paper", "quotes": quotes, "guards": {"redemption": "off"}})

    home = Home(tmp_path)
    home.prepare()
    with served() as old, served() as new:
        old.show(line(code, "112.500"))
        new.show(line(code, "113.500"))
        components = build(home, settings(old.url))
        heard: list[Decimal] = []
        components.feed.subscribe(lambda quotes: heard.extend(quote.last for quote in quotes.values()))
        components.feed.watch([code])
        await components.feed.start()
        try:
            await wait_for(lambda: heard == [Decimal("112.500")])
            current = CurrentSettings(components, ())
            with monkeypatch.context() as patch:
                patch.setattr(Rotation, "executing", "260515-abcdef")
                await current.change(settings(new.url))
                assert not current.in_force("quotes.tencent")
            assert new.asked == []
            await current.apply()
            assert current.in_force("quotes.tencent")
            await wait_for(lambda: heard[-1] == Decimal("113.500"))
            asked = len(old.asked)
            found = (await components.feed.snapshot([code]))[code]
            assert isinstance(found, Known)
            assert found.value.last == Decimal("113.500")
            components.feed.watch([code, BondCode("113001")])  # is requested at once
            await wait_for(lambda: "sh113001" in new.asked[-1])
            assert len(old.asked) == asked  # the old source is stopped
        finally:
            await components.close()
