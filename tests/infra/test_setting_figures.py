"""What figures of settings are taken, and what is said of the others."""

from pathlib import Path

import pytest

from core.infra.config import (
    SettingsError,
    load_settings,
    setting_fields,
    variable_of,
)
from core.infra.settings_editor import problem_with
from tests.infra.test_config import problems


@pytest.mark.parametrize("value", [2**31, "9" * 400, "9" * 5000], ids=["a bit too large", "400 digits", "5,000 digits"])
def test_every_whole_number_has_an_upper_limit(tmp_path: Path, value: object) -> None:
    whole = [key for key, field in setting_fields() if field.annotation is int]
    assert len(whole) > 12
    for key in whole:
        with pytest.raises(SettingsError):
            load_settings(tmp_path, {key: value}, environ={})


NO_FIGURES = (
    *("nan", "-nan", "sNaN", "inf", "-inf", "Infinity", "1e99999999", "-1e9999999", "1e9999", "1e-9999999", "1e30"),
    *("1e999999999999999999999", "nan%", "1e99999999%", "1e-99999999%", "9" * 5000, "0x" + "f" * 5000, "[" * 3000),
)


@pytest.mark.parametrize("text", NO_FIGURES, ids=lambda text: text[:24])
def test_what_is_no_figure_of_money_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    numeric = [key for key, field in setting_fields() if "Decimal" in str(field.annotation) or field.annotation is int]
    assert len(numeric) > 30
    told = problems(tmp_path, {}, {variable_of(key): text for key in numeric})
    assert {line.partition(" ")[0] for line in told} == {*numeric}
    assert max(map(len, told)) < 400
    (tmp_path / "config.toml").write_text("\n".join(f"{key} = {text}" for key in numeric), encoding="utf-8")
    told = problems(tmp_path, {}, {})
    assert told
    assert max(map(len, told)) < 400
    (tmp_path / "config.toml").unlink()
    for key in ("stops.stop_loss", "buy.amount", "orders.timeout"):
        assert 0 < len(problem_with(tmp_path, key, text)) < 400


@pytest.mark.parametrize(
    ("key", "least", "below"),
    [
        ("stops.stop_loss", "0.0001", "1e-9"),
        ("stops.take_profit", "0.0001", "0.00009"),
        ("buy.amount", "1", "0.1"),
        ("guards.max_order_amount", "1", "0.1"),
        ("guards.max_daily_buys", "1000000000000", "1e13"),
        ("buy.reserve", "1000000000000", "1e13"),
        ("fees.sh.minimum", "0", "-0.01"),
    ],
)
def test_figures_that_nobody_means_are_out_of_bounds(tmp_path: Path, key: str, least: str, below: str) -> None:
    assert problem_with(tmp_path, key, least) == ""
    assert "should be " in problem_with(tmp_path, key, below)


@pytest.mark.parametrize(
    ("key", "typed", "meant"),
    [
        ("stops.take_profit", "5", "5 means 500 %: for 5 % write 0.05"),
        ("stops.take_profit", "1", "1 means 100 %: for 1 % write 0.01"),
        ("stops.take_profit", "5%", "for 5 % write 0.05"),
        ("stops.take_profit", "5％", "for 5 % write 0.05"),
        ("stops.stop_loss", "8", "8 means 800 %: for 8 % write 0.08"),
        ("stops.stop_loss", "0.08%", "for 0.08 % write 0.0008"),
        ("orders.slippage", "1", "for 1 % write 0.01"),
        ("guards.max_turnover_ratio", "30", "for 30 % write 0.3"),
        ("guards.min_list_ratio", "50", "for 50 % write 0.5"),
        ("guards.max_price_distance", "2", "for 2 % write 0.02"),
        ("guards.cross_check_ratio", "1", "for 1 % write 0.01"),
    ],
)
def test_a_percentage_in_a_ratio_s_place_is_refused_with_the_ratio_that_was_meant(
    tmp_path: Path, key: str, typed: str, meant: str
) -> None:
    assert meant in problem_with(tmp_path, key, typed)


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ("stops.take_profit", "0.05"),
        ("stops.take_profit", "strategy"),
        ("stops.take_profit", "off"),
        ("stops.stop_loss", "off"),
        ("stops.stop_loss", "0.999"),
        ("guards.max_turnover_ratio", "1"),
        ("guards.min_list_ratio", "1.0"),
        ("guards.max_price_distance", "0.2"),
    ],
)
def test_a_ratio_is_taken(tmp_path: Path, key: str, typed: str) -> None:
    assert problem_with(tmp_path, key, typed) == ""
