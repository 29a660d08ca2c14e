"""What a record's parameters say about its rule, in every form that a platform may send."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.i18n import use_language
from core.model.known import Known, Maybe, Unknown
from core.model.platform import RecordRule, TradeTiming
from core.retold import retold
from core.rules.record_parameters import (
    STOP_LOSS,
    TAKE_PROFIT,
    essential,
    holding_sessions,
    rule_of,
    stop_ratio,
    top_n,
    trade_timing,
    uses_timing,
)


@pytest.mark.parametrize(
    "parameters",
    [
        {"holding_period": 5},
        {"holding_period": "5"},
        {"holding_period": 5.0},
        {"holding_period": " 5.0 "},
        {"holding_days": 5},
        {"bond_selection_params": {"holding_days": 5}},
        {"bond_selection_params": {"holding_period": 5}},
        {"holding_period": 5, "bond_selection_params": {"holding_days": 10}},
        {"holding_period": None, "bond_selection_params": {"holding_days": 5}},
        {"holding_period": 5, "bond_selection_params": "not an object"},
    ],
)
def test_holding_period_is_found_wherever_it_is(parameters: dict[str, Any]) -> None:
    assert holding_sessions(parameters) == Known(5)


@pytest.mark.parametrize(
    "figure", [0, -5, 251, 5.5, "", "five", "5 days", True, [5], {"n": 5}, 10**18, "1e999999", float("nan"), "inf"]
)
def test_a_holding_period_that_is_no_number_of_sessions_is_unknown(figure: object) -> None:
    found = holding_sessions({"holding_period": figure, "bond_selection_params": {"holding_days": 5}})
    assert isinstance(found, Unknown)
    assert "holding_period" in found.reason
    assert "a whole number from 1 to 250" in found.reason


@pytest.mark.parametrize("parameters", [{}, {"holding_period": None}, {"bond_selection_params": None}, {"other": 5}])
def test_a_missing_holding_period_is_unknown(parameters: dict[str, Any]) -> None:
    assert holding_sessions(parameters) == Unknown("the record does not say its holding period (holding_period)")


def test_number_of_bonds() -> None:
    assert top_n({"top_n": "10"}) == top_n({"bond_selection_params": {"top_n": 10}}) == Known(10)
    assert isinstance(top_n({"top_n": 0}), Unknown)
    assert isinstance(top_n({}), Unknown)


@pytest.mark.parametrize(("text", "timing"), [("close", TradeTiming.CLOSE), (" Open ", TradeTiming.OPEN)])
def test_trade_timing(text: str, timing: TradeTiming) -> None:
    assert trade_timing({"tradeTiming": text}) == Known(timing)


@pytest.mark.parametrize("parameters", [{}, {"tradeTiming": "noon"}, {"tradeTiming": 1}, {"tradeTiming": ["open"]}])
def test_an_unreadable_trade_timing_is_unknown(parameters: dict[str, Any]) -> None:
    found = trade_timing(parameters)
    assert isinstance(found, Unknown)
    assert "tradeTiming" in found.reason


@pytest.mark.parametrize(
    ("option", "used"), [(0, False), ("0", False), (0.0, False), (1, True), ("1", True), (2, True)]
)
def test_timing_is_used_unless_the_option_is_zero(option: object, used: bool) -> None:
    assert uses_timing({"timingOption": option}) == Known(used)


@pytest.mark.parametrize("option", [None, True, False, -1, 0.5, "none", "", [1], float("nan")])
def test_an_unclear_timing_option_is_not_a_strategy_out_of_the_market(option: object) -> None:
    assert isinstance(uses_timing({"timingOption": option}), Unknown)


def test_parameters_that_are_not_known_make_an_unknown_rule() -> None:
    away = Unknown("the platform is away")
    assert rule_of(away) == RecordRule(away, away, away, away, away, away)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    [TAKE_PROFIT, STOP_LOSS, "holding_period", "holding_days", "top_n", "tradeTiming", "timingOption", "else"]
)


@given(top=st.dictionaries(names, values), inner=values | st.dictionaries(names, values))
def test_no_value_raises_and_no_figure_is_out_of_bounds(top: dict[str, Any], inner: Any) -> None:
    parameters = {**top, "bond_selection_params": inner}
    rule = rule_of(Known(parameters))
    assert rule_of(Known(essential(parameters))) == rule
    if isinstance(rule.holding_sessions, Known):
        assert 1 <= rule.holding_sessions.value <= 250
    for name in (TAKE_PROFIT, STOP_LOSS):
        ratio = stop_ratio(parameters, name)
        if isinstance(ratio, Known) and ratio.value is not None:
            assert 0 < ratio.value < 1


@pytest.mark.parametrize(
    ("reason_of", "chinese"),
    [
        (lambda: holding_sessions({}), "回测记录未给出调仓周期（holding_period）"),
        (
            lambda: holding_sessions({"holding_days": "x"}),
            "回测记录的持有天数（holding_days）为 'x'，不是 1 到 250 的整数",
        ),
        (lambda: top_n({}), "回测记录未给出持有只数（top_n）"),
        (lambda: trade_timing({}), "回测记录未给出交易时点（tradeTiming）"),
        (lambda: uses_timing({}), "回测记录未给出择时方式（timingOption）"),
    ],
)
def test_a_reason_names_the_parameter_in_the_readers_language(
    reason_of: Callable[[], Maybe[Any]], chinese: str
) -> None:
    """With the key beside it, by which it is found on the platform; the log's English has the same."""
    english = reason_of()
    use_language("zh")
    try:
        found = reason_of()
    finally:
        use_language("en")
    assert isinstance(found, Unknown)
    assert isinstance(english, Unknown)
    assert found.reason == chinese
    assert retold(chinese, "en") == english.reason
    assert retold(english.reason, "zh") == chinese
