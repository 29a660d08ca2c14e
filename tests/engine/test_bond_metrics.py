"""What a bond trader looks at, as the running engine sends it: of planned and held bonds, lists and cards."""

from decimal import Decimal

from core.engine.engine import Engine
from core.engine.ipc.protocol import changed, decode, encode
from core.model.bond import BondCode
from core.model.bond_info import BondDetail
from core.model.command import ExecutePlan, Flatten, MakePlan, ShowBond, ShowRecord
from core.model.known import Known
from core.model.record_card import RecordCard
from core.model.snapshot import Snapshot
from core.rules.valuation import double_low
from core.sandbox.strategies import FIRST_RECORD, FIRST_STRATEGY
from tests.engine.test_engine import ask, engine, home, until

__all__ = ["engine", "home"]


def test_planned_and_held_bonds_come_with_their_metrics(engine: Engine) -> None:
    plan = ask(engine, MakePlan())
    planned = {leg.code for leg in plan.legs}
    shown = until(engine, lambda one: planned <= {row.code for row in one.figures if row.price is not None})
    found = shown.metrics()
    assert list(found) == sorted(found)
    for code in planned:
        metrics = found[code]
        assert metrics.terms.share_name and metrics.terms.remaining_size is not None
        assert metrics.figures.double_low == double_low(metrics.figures.price, metrics.figures.premium)
        assert (metrics.figures.premium_source, metrics.figures.live) == ("sandbox", False)
    ask(engine, ExecutePlan(plan.plan_id))
    held = until(engine, lambda one: isinstance(one.positions, Known) and bool(one.positions.value))
    assert isinstance(held.positions, Known)
    for row in held.positions.value:
        assert held.metrics()[row.code].figures.price == row.last


def test_bonds_that_were_sold_today_keep_metrics_and_day_lines(engine: Engine) -> None:
    plan = ask(engine, MakePlan())
    ask(engine, ExecutePlan(plan.plan_id))
    ask(engine, Flatten())
    bought = {leg.code for leg in plan.legs}

    def some_are_gone(one: Snapshot) -> bool:
        return isinstance(one.positions, Known) and not bought <= {row.code for row in one.positions.value}

    until(engine, lambda one: one.plan is None and some_are_gone(one))
    until(engine, lambda one: bought <= one.metrics().keys() & {spark.code for spark in one.sparks})


def test_a_list_and_a_card_come_with_metrics(engine: Engine) -> None:
    card: RecordCard = ask(engine, ShowRecord(FIRST_STRATEGY, FIRST_RECORD))
    assert card.listed
    for bond in card.listed:
        assert bond.metrics is not None and bond.metrics.figures.price == bond.last
    first = card.listed[0]
    detail: BondDetail = ask(engine, ShowBond(first.code))
    assert detail.metrics is not None and first.metrics is not None
    assert detail.metrics.terms == first.metrics.terms


def test_terms_are_sent_once_and_figures_when_a_price_moves(engine: Engine) -> None:
    plan = ask(engine, MakePlan())
    planned = {leg.code for leg in plan.legs}
    first = until(engine, lambda one: planned <= {row.code for row in one.figures if row.price is not None})
    later = until(engine, lambda one: one.figures != first.figures and len(one.figures) == len(first.figures))
    assert all(old is new for old, new in zip(first.terms, later.terms, strict=True))
    assert {"figures"} == changed(first, later).keys() & {"terms", "figures"}
    assert decode(encode(later)) == later
    assert max(len(encode(row)) for row in later.figures) < 700


def test_an_unknown_bond_s_metrics_are_unknown(engine: Engine) -> None:
    detail: BondDetail = ask(engine, ShowBond(BondCode("127999")))
    assert detail.metrics is not None
    figures = detail.metrics.figures
    assert (figures.price, figures.premium, figures.double_low, figures.share) == (None, None, None, None)
    assert Decimal(0) not in (figures.conversion_value, figures.premium)
