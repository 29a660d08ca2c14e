"""Pages of strategies and records over HTTP, in every form that the platform may answer in."""

import json
from decimal import Decimal
from typing import Any

import pytest

from core.factorcat.client import FactorCatClient
from core.factorcat.errors import BadAnswer
from core.factorcat.pages import number_in
from core.model.figures import Basis, Unit, Units
from core.model.known import Known, Unknown
from core.model.platform import Strategy
from tests.factorcat.conftest import RECORDS, STRATEGIES
from tests.factorcat.server import Server, answer, raw

PERCENT = Units(Unit.PERCENT, Unit.PERCENT, Basis.VALUES)


def page(*items: object, **changes: object) -> dict[str, object]:
    return {"total_count": len(items), "total_pages": 1, "page": 1, "limit": 20, "items": list(items), **changes}


@pytest.mark.parametrize(
    ("item", "strategy"),
    [
        ({"id": 7, "name": "双低"}, Strategy(7, "双低", "", None, "")),
        (
            {"id": 7, "name": "双低", "description": None, "backtest_count": None, "created_at": None},
            Strategy(7, "双低", "", None, ""),
        ),
        ({"id": "7", "name": "双低", "backtest_count": "3"}, Strategy(7, "双低", "", 3, "")),
        ({"id": 7.0, "name": "双低", "backtest_count": 3.0}, Strategy(7, "双低", "", 3, "")),
        ({"id": 7, "name": "双低", "backtest_count": "many"}, Strategy(7, "双低", "", None, "")),
        ({"id": 7, "name": "双低", "backtest_count": -1}, Strategy(7, "双低", "", None, "")),
        ({"id": 7, "name": "双低", "description": ["x"], "created_at": {}}, Strategy(7, "双低", "", None, "")),
        ({"id": 7, "name": "双低", "created_at": 20260102}, Strategy(7, "双低", "", None, "20260102")),
    ],
)
async def test_a_strategy_needs_an_id_and_a_name_only(
    alice: FactorCatClient, server: Server, item: object, strategy: Strategy
) -> None:
    server.on(STRATEGIES, answer(200, page(item)))
    assert (await alice.strategies()).items == (strategy,)


@pytest.mark.parametrize(
    ("path", "item", "words"),
    [
        (STRATEGIES, {"name": "双低"}, r"'items\.1\.id' is missing"),
        (STRATEGIES, {"id": None, "name": "双低"}, r"items\.1\.id is wrong"),
        (STRATEGIES, {"id": "a7", "name": "双低"}, r"items\.1\.id is wrong"),
        (STRATEGIES, {"id": -7, "name": "双低"}, r"items\.1\.id is wrong"),
        (STRATEGIES, {"id": 2**63, "name": "双低"}, r"items\.1\.id is wrong"),
        (STRATEGIES, {"id": 7}, r"'items\.1\.name' is missing"),
        (STRATEGIES, {"id": 7, "name": None}, r"items\.1\.name is wrong"),
        (STRATEGIES, "双低", r"items\.1 is not an object"),
        (RECORDS, {"win_rate": 0.5}, r"'items\.1\.id' is missing"),
        (RECORDS, None, r"items\.1 is not an object"),
    ],
)
async def test_an_item_that_cannot_be_identified_is_named(
    alice: FactorCatClient, server: Server, path: str, item: object, words: str
) -> None:
    server.on(path, answer(200, page(item)))
    with pytest.raises(BadAnswer, match=words):
        await (alice.strategies() if path == STRATEGIES else alice.records(7))


@pytest.mark.parametrize(
    ("envelope", "numbers"),
    [
        ({"strategies": [{"id": "7", "name": "双低"}], "total": 41}, (1, 20, 41, 3)),
        ({"strategies": [{"id": "7", "name": "双低"}], "total": "41"}, (1, 20, 41, 3)),
        ({"strategies": [{"id": "7", "name": "双低"}]}, (1, 20, 1, 1)),
        ({"strategies": [{"id": 7, "name": "双低"}], "total": None}, (1, 20, 1, 1)),
        ({"strategies": [{"id": 7, "name": "双低"}], "total": 0}, (1, 20, 1, 1)),
        (page({"id": 7, "name": "双低"}), (1, 20, 1, 1)),
        ({"items": [{"id": 7, "name": "双低"}], "total_count": 41}, (1, 20, 41, 3)),
        (page({"id": 7, "name": "双低"}, page=None, limit=None, total_pages=None), (1, 20, 1, 1)),
        (page({"id": 7, "name": "双低"}, page="1", limit="20", total_pages="3", total_count="41"), (1, 20, 41, 3)),
    ],
)
async def test_both_envelopes(
    alice: FactorCatClient, server: Server, envelope: object, numbers: tuple[int, ...]
) -> None:
    server.on(STRATEGIES, answer(200, envelope))
    found = await alice.strategies()
    assert [strategy.id for strategy in found.items] == [7]
    assert (found.page, found.limit, found.total_count, found.total_pages) == numbers


@pytest.mark.parametrize("known", [True, False])
async def test_a_platform_without_pages_has_one(alice: FactorCatClient, server: Server, known: bool) -> None:
    sent = {"strategies": [{"id": str(number), "name": "x"} for number in range(45)]}
    server.on(STRATEGIES, answer(200, {**sent, "total": 45} if known else sent))
    found = await alice.strategies(2, 20)
    assert (found.page, found.total_count, found.total_pages) == (1, 45, 1)


async def test_a_full_page_without_a_total_has_a_next_one(alice: FactorCatClient, server: Server) -> None:
    server.on(STRATEGIES, answer(200, {"strategies": [{"id": str(number), "name": "x"} for number in range(20)]}))
    assert (await alice.strategies(2, 20)).total_pages == 3


@pytest.mark.parametrize(
    "value", [{"strategies": None}, {"strategies": {}}, {"strategies": [{"id": "x", "name": "y"}]}]
)
async def test_the_older_envelope_is_checked_too(alice: FactorCatClient, server: Server, value: object) -> None:
    server.on(STRATEGIES, answer(200, value))
    with pytest.raises(BadAnswer, match="strategies"):
        await alice.strategies()


async def test_a_record_needs_an_id_only(alice: FactorCatClient, server: Server) -> None:
    server.on(RECORDS, answer(200, page({"id": 42})))
    (record,) = (await alice.records(7)).items
    assert (record.id, record.backtest_time, record.win_rate, record.strategy_return) == (42, "", None, None)


@pytest.mark.parametrize(
    ("figures", "read", "units"),
    [
        ({"win_rate": 61.5, "strategy_return": 35.2}, (0.615, 0.352), PERCENT),
        ({"win_rate": "61.5", "strategy_return": "35.2"}, (0.615, 0.352), PERCENT),
        ({"win_rate": "61.5%", "strategy_return": " 35.2 % "}, (0.615, 0.352), PERCENT),
        (
            {"win_rate": 0.615, "strategy_return": 0.352},
            (0.615, 0.352),
            Units(Unit.RATIO, Unit.RATIO, Basis.VALUES),
        ),
        (
            {"win_rate": 0.615, "strategy_return": 35.2, "max_drawdown": -8.3},
            (0.615, 0.352),
            Units(Unit.PERCENT, Unit.RATIO, Basis.VALUES),
        ),
    ],
)
async def test_figures_are_read_as_the_page_writes_them(
    alice: FactorCatClient, server: Server, figures: dict[str, Any], read: tuple[float, float], units: Units
) -> None:
    server.on(RECORDS, answer(200, page({"id": 42, "sharpe_ratio": "1.4", **figures}, {"id": 43})))
    records = (await alice.records(7)).items
    assert (records[0].win_rate, records[0].strategy_return) == pytest.approx(read)
    assert records[0].sharpe_ratio == 1.4
    assert {record.units for record in records} == {units}


async def test_the_unit_of_the_settings_is_used(alice: FactorCatClient, server: Server) -> None:
    server.on(RECORDS, answer(200, page({"id": 42, "win_rate": 0.6, "strategy_return": 0.4})))
    (record,) = (await alice.records(7, unit="percent")).items
    assert (record.win_rate, record.strategy_return) == pytest.approx((0.006, 0.004))
    assert record.units == Units(Unit.PERCENT, Unit.PERCENT, Basis.SETTING)


@pytest.mark.parametrize(
    "value",
    [None, True, "", "--", "n/a", [], {}, "NaN", "Infinity", "1e999", 10**400, "12,5", [0.5], {"value": 0.5}],
)
async def test_a_figure_that_is_no_number_is_unknown_and_costs_nothing_else(
    alice: FactorCatClient, server: Server, value: object
) -> None:
    items = ({"id": 42, "win_rate": value, "sharpe_ratio": value, "strategy_return": 0.4}, {"id": 43, "win_rate": 0.6})
    server.on(RECORDS, raw(200, json.dumps(page(*items)).encode()))
    first, second = (await alice.records(7)).items
    assert (first.win_rate, first.sharpe_ratio, first.strategy_return, second.win_rate) == (None, None, 0.4, 0.6)


async def test_what_no_backtest_can_have_is_kept_apart(alice: FactorCatClient, server: Server) -> None:
    server.on(
        RECORDS, answer(200, page({"id": 1, "win_rate": 0.6}, {"id": 2, "win_rate": 0.5}, {"id": 3, "win_rate": 55}))
    )
    *_, odd = (await alice.records(7)).items
    assert odd.win_rate is None
    assert odd.impossible == {"win_rate": 55.0}


@pytest.mark.parametrize(
    "fields",
    [
        {"stopLossRatio": 0.05, "profitTargetRatio": 0, "top_n": 10, "holding_period": 5},
        {"parameters": {"stopLossRatio": "0.05", "profitTargetRatio": "0", "holding_days": 5, "top_n": "10"}},
        {
            "bond_selection_params": {"top_n": 10, "holding_days": 5},
            "stopLossRatio": 0.05,
            "profitTargetRatio": 0.0,
        },
    ],
)
async def test_the_rule_in_an_item_of_the_list_is_read(
    alice: FactorCatClient, server: Server, fields: dict[str, object]
) -> None:
    server.on(RECORDS, answer(200, page({"id": 42, **fields}, {"id": 43, "author": "cat"})))
    told, silent = (await alice.records(7)).items
    assert told.rule is not None
    assert (told.rule.top_n, told.rule.holding_sessions) == (Known(10), Known(5))
    assert (told.rule.stop_loss, told.rule.take_profit) == (Known(Decimal("0.05")), Known(None))
    assert isinstance(told.rule.trade_timing, Unknown)
    assert silent.rule is None


async def test_fields_that_are_not_known_are_kept(alice: FactorCatClient, server: Server) -> None:
    further = {"calmar_ratio": 1.5, "note": "a\x1b[2Jb", "curve": [1, 2], "deep": {}, "nothing": None}
    server.on(RECORDS, answer(200, page({"id": 42, **further})))
    (record,) = (await alice.records(7)).items
    assert record.extra == {"calmar_ratio": 1.5, "note": "a [2Jb"}


@pytest.mark.parametrize(
    ("value", "number"),
    [(0.5, 0.5), (1, 1.0), ("0.5", 0.5), (" -8 % ", -8.0), ("8％", 8.0), (False, None), (float("nan"), None)],
)
def test_numbers(value: object, number: float | None) -> None:
    assert number_in(value) == number
