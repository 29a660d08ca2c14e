"""What the parameters of a backtest record say about its rule. A missing or null key is unknown, never a default."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from core.i18n import say
from core.model.known import Known, Maybe, Unknown
from core.model.parameter_names import parameter_name
from core.model.platform import RecordRule, TradeTiming
from core.model.setting_types import is_plain
from core.model.settings import LONGEST_HOLDING

Parameters = Mapping[str, Any]

_MOST_BONDS = 1000

TAKE_PROFIT, STOP_LOSS = "profitTargetRatio", "stopLossRatio"
_HOLDING, _TOP_N, _TRADE_TIMING, _TIMING = ("holding_period", "holding_days"), "top_n", "tradeTiming", "timingOption"
_NAMES = (TAKE_PROFIT, STOP_LOSS, *_HOLDING, _TOP_N, _TRADE_TIMING, _TIMING)


def rule_of(parameters: Maybe[Parameters]) -> RecordRule:
    """How the record's backtest traded."""
    if isinstance(parameters, Unknown):
        return RecordRule(parameters, parameters, parameters, parameters, parameters, parameters)
    given = parameters.value
    return RecordRule(
        holding_sessions(given),
        top_n(given),
        trade_timing(given),
        uses_timing(given),
        stop_ratio(given, STOP_LOSS),
        stop_ratio(given, TAKE_PROFIT),
    )


def rule_told(fields: Parameters) -> RecordRule | None:
    """The rule that a record of a list carries, at its top or in its `parameters`; None where it carries no part."""
    nested = fields.get("parameters")
    given = cast("Parameters", nested) if isinstance(nested, Mapping) else fields
    return rule_of(Known(given)) if essential(given) else None


def essential(parameters: Parameters) -> dict[str, Any]:
    """The parameters that are read here, without the others."""
    return {name: told for name in _NAMES if (told := _told(parameters, name)) is not None}


def holding_sessions(parameters: Parameters) -> Maybe[int]:
    """Sessions from one rebalance to the next."""
    name = next((name for name in _HOLDING if _told(parameters, name) is not None), _HOLDING[0])
    return _count(parameters, name, 1, LONGEST_HOLDING, say("a whole number from 1 to {most}", most=LONGEST_HOLDING))


def top_n(parameters: Parameters) -> Maybe[int]:
    """How many bonds are held."""
    return _count(parameters, _TOP_N, 1, _MOST_BONDS, say("a whole number from 1 to {most}", most=_MOST_BONDS))


def trade_timing(parameters: Parameters) -> Maybe[TradeTiming]:
    """When a rebalance trades."""
    told = _told(parameters, _TRADE_TIMING)
    if told is None:
        return _missing(_TRADE_TIMING)
    try:
        return Known(TradeTiming(str(told).strip().lower()))
    except ValueError:
        return _unreadable(_TRADE_TIMING, told, say("close or open"))


def uses_timing(parameters: Parameters) -> Maybe[bool]:
    """Whether the strategy may be out of the market: then its list may be empty on purpose."""
    option = _count(parameters, _TIMING, 0, None, say("a whole number from 0 on"))
    return option if isinstance(option, Unknown) else Known(option.value != 0)


def stop_ratio(parameters: Parameters, name: str) -> Maybe[Decimal | None]:
    """`TAKE_PROFIT` or `STOP_LOSS` of the record; Known(None) where it uses none: it says 0 then.

    From 1 on a figure is a percentage that was not converted, so it is refused.
    """
    told = _told(parameters, name)
    if told is None:
        return Unknown(
            say(
                'the record does not say its {parameter} ({key}): set a ratio, or "off", in [stops] of the settings',
                parameter=parameter_name(name),
                key=name,
            )
        )
    ratio = _number(told)
    if ratio is None or not 0 <= ratio < 1:
        return Unknown(
            say(
                "the strategy's {parameter} ({key}) is {told}, which is no ratio between 0 and 1 (0.05 is 5 %): set a "
                'ratio, or "off", in [stops] of the settings',
                parameter=parameter_name(name),
                key=name,
                told=_shown(told),
            )
        )
    return Known(ratio or None)


def _count(parameters: Parameters, name: str, least: int, most: int | None, wanted: str) -> Maybe[int]:
    """A whole number within these limits; `wanted` names them."""
    told = _told(parameters, name)
    if told is None:
        return _missing(name)
    number = _number(told)
    if number is None or number < least or (most is not None and number > most) or number != number.to_integral_value():
        return _unreadable(name, told, wanted)
    return Known(int(number))


def _told(parameters: Parameters, name: str) -> object:
    """The value of a key, at the top or among those that select the bonds."""
    told, nested = parameters.get(name), parameters.get("bond_selection_params")
    return cast("Parameters", nested).get(name) if told is None and isinstance(nested, Mapping) else told


def _number(told: object) -> Decimal | None:
    """`told` as a finite number; None where it is none."""
    if isinstance(told, bool) or not isinstance(told, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(told))
    except (InvalidOperation, ValueError):
        return None
    return number if is_plain(number) else None


def _missing(name: str) -> Unknown:
    return Unknown(say("the record does not say its {parameter} ({key})", parameter=parameter_name(name), key=name))


def _unreadable(name: str, told: object, wanted: str) -> Unknown:
    return Unknown(
        say(
            "the record's {parameter} ({key}) is {told}, which is not {wanted}",
            parameter=parameter_name(name),
            key=name,
            told=_shown(told),
            wanted=wanted,
        )
    )


def _shown(told: object) -> str:
    text = repr(told)
    return text if len(text) <= 40 else f"{text[:40]}..."
