"""Whether the platform's figures are ratios or percentages, decided from what they can be.

A share of won trades lies between 0 and 1, nobody loses more than all, and no drawdown is deeper than 1: a figure
beyond that is a percentage. A win rate below 1 is a ratio, for no backtest wins less than one trade in a hundred.
Gains have no limit, so they decide nothing; they only say which reading is the likelier one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

from core.model.figures import Basis, Figures, Unit, Units, UnitSetting

_PER = {Unit.RATIO: 1.0, Unit.PERCENT: 100.0}
_NOISE = 1e-6
"""How far a figure may lie beyond its limit: 100.00000001 % is 100 %."""

_TYPICAL_YEAR, _TYPICAL_WHOLE = 1.0, 5.0
"""A page whose median is above is no page of ratios: +100 % a year, or +500 % over the whole backtest."""

_SAME_RETURN = 0.02
"""How much of its growth the return may differ from the curve's: curves are rounded, and may begin a day later."""


def units_of(page: Sequence[Figures], wanted: UnitSetting = "auto") -> Units:
    """What the figures of records that came together are written in.

    Most records decide, so that one that is out of line does not change the others. Win rates may be in another unit
    than returns where the values leave no other reading.
    """
    if wanted != "auto":
        return Units(Unit(wanted), Unit(wanted), Basis.SETTING)
    won = _by_win_rates([each.win_rate for each in page if each.win_rate is not None])
    returns = Unit.PERCENT if _percent_returns(page) else won
    if returns is None:
        assumed = _likelier(page)
        return Units(assumed, assumed, Basis.ASSUMED)
    return Units(returns, won or returns, Basis.VALUES)


def units_of_one(figures: Figures, grown: float | None, otherwise: Units | None, wanted: UnitSetting = "auto") -> Units:
    """What the figures of one record are written in.

    `grown` is the return of its own equity curve, a ratio; `otherwise` the units of the page that lists it, for a
    record that does not decide.
    """
    own = units_of([figures], wanted)
    if own.basis is Basis.SETTING:
        return own
    by_curve = _by_curve(figures.strategy_return, grown)
    if by_curve is not None:
        return Units(by_curve, own.win_rate if own.basis is Basis.VALUES else by_curve, Basis.CURVE)
    return own if own.basis is Basis.VALUES or otherwise is None else otherwise


def in_ratios(figures: Figures, units: Units) -> tuple[Figures, Mapping[str, float]]:
    """The figures as ratios, without those that cannot be, which come by name as the platform wrote them."""
    ratios = _divided(figures, units)
    wrong = {name: getattr(figures, name) for name in _beyond(ratios)}
    return replace(ratios, **dict.fromkeys(wrong)), wrong


def _by_win_rates(rates: Sequence[float]) -> Unit | None:
    """1 itself is both: all trades won, or one in a hundred."""
    percent = sum(1 + _NOISE < rate <= 100 + _NOISE for rate in rates)
    ratio = sum(0 < rate < 1 for rate in rates)
    if not percent and not ratio:
        return None
    return Unit.PERCENT if percent >= ratio else Unit.RATIO


def _percent_returns(page: Sequence[Figures]) -> bool:
    """Whether returns and drawdowns cannot be ratios: of as many records as have a drawdown that can be one."""
    bare = [replace(each, win_rate=None) for each in page]
    percent = [bool(_beyond(each)) and not _beyond(_divided(each, _PERCENT)) for each in bare]
    ratio = [
        not beyond and each.max_drawdown is not None and 0 < abs(each.max_drawdown) < 1
        for each, beyond in zip(bare, percent, strict=True)
    ]
    return any(percent) and sum(percent) >= sum(ratio)


def _likelier(page: Sequence[Figures]) -> Unit:
    for name, typical in (("annualized_return", _TYPICAL_YEAR), ("strategy_return", _TYPICAL_WHOLE)):
        given = [abs(value) for each in page if (value := getattr(each, name)) is not None]
        if given:
            return Unit.PERCENT if median(given) > typical else Unit.RATIO
    return Unit.RATIO


def _by_curve(told: float | None, grown: float | None) -> Unit | None:
    """The unit in which `told` is what the curve shows; None where neither is, or both are."""
    if told is None or grown is None:
        return None
    near = [unit for unit, per in _PER.items() if abs(told / per - grown) <= _SAME_RETURN * (1 + grown)]
    return near[0] if len(near) == 1 else None


def _divided(figures: Figures, units: Units) -> Figures:
    returns, won = _PER[units.returns], _PER[units.win_rate]
    return Figures(
        _part(figures.strategy_return, returns),
        _part(figures.annualized_return, returns),
        _part(figures.max_drawdown, returns),
        _part(figures.win_rate, won),
    )


def _part(value: float | None, per: float) -> float | None:
    return None if value is None else value / per


_PERCENT = Units(Unit.PERCENT, Unit.PERCENT, Basis.VALUES)
_LIMITS: Mapping[str, Callable[[float], bool]] = {
    "strategy_return": lambda value: value >= -1 - _NOISE,
    "annualized_return": lambda value: value >= -1 - _NOISE,
    "max_drawdown": lambda value: abs(value) <= 1 + _NOISE,
    "win_rate": lambda value: -_NOISE <= value <= 1 + _NOISE,
}


def _beyond(ratios: Figures) -> Iterable[str]:
    """The names of the figures that no backtest can have."""
    values = ((name, getattr(ratios, name)) for name in _LIMITS)
    return [name for name, value in values if value is not None and not _LIMITS[name](value)]
