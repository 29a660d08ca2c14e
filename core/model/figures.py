"""The figures of backtest records, and what the platform writes them in: 12 % may be 0.12 or 12."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

UnitSetting = Literal["auto", "ratio", "percent"]


class Unit(StrEnum):
    """12 % as a ratio is 0.12, as a percentage 12."""

    RATIO = "ratio"
    PERCENT = "percent"


class Basis(StrEnum):
    """What decided a unit: the setting, the record's own equity curve, the values; or nothing, so it was assumed."""

    SETTING = "setting"
    CURVE = "curve"
    VALUES = "values"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Units:
    """What figures are written in; `returns` counts for the returns and the drawdown."""

    returns: Unit
    win_rate: Unit
    basis: Basis


@dataclass(frozen=True, slots=True)
class Figures:
    """Four figures of one backtest, all of them in the platform's unit or all of them ratios; None where not given."""

    strategy_return: float | None = None
    annualized_return: float | None = None
    max_drawdown: float | None = None
    win_rate: float | None = None
