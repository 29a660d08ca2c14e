"""What the card of a record says: its figures, its rule, and what the platform says besides."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rich.text import Text

from core.i18n import joined, say
from core.model.backtest import RecordDetail
from core.model.figures import Basis, Unit
from core.model.known import Known, Maybe, Unknown
from core.model.parameter_names import parameter_name
from core.model.platform import Record, Strategy
from core.model.record_card import RecordCard
from tui import format as fmt
from tui.screens.strategy_rows import drawdown
from tui.widgets.text import facts
from tui.widgets.theme import STYLES, Tone, change_tone, styled

_WITH_UNIT = ("strategy_return", "annualized_return", "max_drawdown", "win_rate")
_IN_HEAD = ("id", "backtest_time", "sharpe_ratio")
_OF_STRATEGY = frozenset({"strategy_id", "strategy_name"})
_SAME = 0.00005
"""Two ratios that look the same on the card."""


def completed(record: Record, detail: Maybe[RecordDetail] | None) -> Record:
    """The record with the figures that only its detail gives."""
    if not isinstance(detail, Known):
        return record
    found = detail.value
    more = {name: getattr(found.figures, name) for name in _WITH_UNIT if getattr(record, name) is None}
    bare = len(more) == len(_WITH_UNIT)
    return replace(record, **more, units=found.units if bare else record.units)


def further_fields(record: Record, detail: Maybe[RecordDetail] | None) -> Maybe[Mapping[str, Any]] | None:
    """What the card does not show above: figures that differ from the list's, and fields that rotor does not know."""
    if not isinstance(detail, Known):
        return detail
    told = {name: getattr(detail.value.figures, name) for name in _WITH_UNIT}
    figures = {name: fmt.ratio(value) for name, value in told.items() if _differs(value, getattr(record, name))}
    above = {name for name in _IN_HEAD if getattr(record, name) not in (None, "")} | _OF_STRATEGY
    others = {**record.extra, **detail.value.others}
    return Known(figures | {name: value for name, value in others.items() if name not in above})


def _differs(value: float | None, shown: float | None) -> bool:
    return value is not None and (shown is None or abs(value - shown) > _SAME)


def record_head(strategy: Strategy, record: Record) -> Text:
    text = styled(
        (strategy.name, Tone.STRONG),
        (f"  {record.backtest_time}\n", Tone.DIM),
        (say("Return "), Tone.DIM),
        (fmt.ratio(record.strategy_return), change_tone(record.strategy_return)),
        (say("  Annual "), Tone.DIM),
        (fmt.ratio(record.annualized_return), change_tone(record.annualized_return)),
        (say("  Drawdown "), Tone.DIM),
        drawdown(record),
        (say("\nWin rate "), Tone.DIM),
        fmt.share(record.win_rate),
        (say("  Sharpe "), Tone.DIM),
        fmt.NOT_KNOWN if record.sharpe_ratio is None else f"{record.sharpe_ratio:.2f}",
    )
    if units := units_text(record):
        text.append(f"\n{units}", STYLES[Tone.DIM])
    if record.impossible:
        text.append(f"\n{impossible_text(record.impossible)}", STYLES[Tone.WARN])
    return text


def impossible_text(figures: Mapping[str, float]) -> str:
    told = joined(f"{parameter_name(name)} {fmt.plain_value(value)}" for name, value in figures.items())
    return say("Not shown, because no backtest can have it: {figures}", figures=told)


def units_text(record: Record) -> str:
    """What the platform writes the record's figures in, and how that is known; empty where it gives none."""
    if record.units is None or all(getattr(record, name) is None for name in _WITH_UNIT):
        return ""
    names = {Unit.RATIO: say("ratios (0.12 is 12%)"), Unit.PERCENT: say("percentages (12 is 12%)")}
    why = {
        Basis.SETTING: say("set by factorcat.returns"),
        Basis.CURVE: say("by its equity curve"),
        Basis.VALUES: say("by the values of its page"),
        Basis.ASSUMED: say("assumed, the values fit both; if wrong, set factorcat.returns"),
    }[record.units.basis]
    returns, win_rate = names[record.units.returns], names[record.units.win_rate]
    if returns == win_rate:
        return say("Figures read as {unit}: {why}", unit=returns, why=why)
    return say("Returns read as {returns}, win rate as {win_rate}: {why}", returns=returns, win_rate=win_rate, why=why)


def rule_text(card: RecordCard) -> Text:
    """How the record trades, its stops, and where the schedule in use differs."""
    rows = [*fmt.rule_rows(card.rule), *fmt.stop_rows(card.rule)]
    known = joined(f"{label} {told}" for label, told, tone in rows if tone is Tone.TEXT)
    text = styled((say("Rule"), Tone.TITLE), (f"\n{known}" if known else "", Tone.TEXT))
    for _, told, tone in rows:
        if tone is not Tone.TEXT:
            text.append(f"\n{told}", STYLES[tone])
    if card.proposal is not None:
        told = say(
            "Your schedule differs: {in_use}. As the record trades: {schedule}.",
            in_use=card.proposal.in_use,
            schedule=card.proposal.text,
        )
        text.append(f"\n{told}", STYLES[Tone.WARN])
    return text


def mapping_text(title: str, found: Maybe[Mapping[str, Any]] | None) -> Text:
    """Names and values of no fixed shape; `found` is None while it is being loaded."""
    head = styled((title, Tone.TITLE))
    if found is None:
        return head.append(say("\nloading"), STYLES[Tone.DIM])
    if isinstance(found, Unknown):
        return head.append("\n" + say("not loaded: {reason}", reason=found.reason), STYLES[Tone.WARN])
    if not found.value:
        return head.append(say("\nthe platform gives none"), STYLES[Tone.DIM])
    rows = [(parameter_name(str(key)), fmt.plain_value(value), Tone.TEXT) for key, value in found.value.items()]
    return Text("\n").join([head, facts(rows)])
