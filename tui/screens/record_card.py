"""One backtest record in full: its figures, today's list, its parameters and whatever else the platform tells."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from core.i18n import say
from core.model.command import RecordCard
from core.model.known import Unknown
from core.model.platform import Record, Strategy
from tui import format as fmt
from tui.screens.strategy_records import drawdown
from tui.widgets.text import Words
from tui.widgets.theme import STYLES, Tone, change_tone, words

_LABEL = 22
_NAME = 10
_SHOWN_ABOVE = frozenset(field.name for field in fields(Record)) | {"strategy_id", "strategy_name"}


class CardView(VerticalScroll, can_focus=True):
    """Scrolls with the arrows."""

    def __init__(self) -> None:
        super().__init__(id="record-card")
        self._words = Words()

    def compose(self) -> ComposeResult:
        yield self._words

    @property
    def text(self) -> str:
        return self._words.text

    def say(self, text: str, tone: Tone = Tone.DIM) -> None:
        self._words.put(words((text, tone)))

    def put(self, strategy: Strategy, record: Record, card: RecordCard, now: datetime | None) -> None:
        self._words.put(card_text(strategy, record, card, now))
        self.scroll_home(animate=False)


def card_text(strategy: Strategy, record: Record, card: RecordCard, now: datetime | None = None) -> Text:
    text = words(
        (strategy.name, Tone.STRONG),
        (say("  record {id}  {backtest_time}\n", id=record.id, backtest_time=record.backtest_time), Tone.DIM),
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
    _selection(text, card, now)
    _mapping(text, say("Parameters"), card.detail.parameters)
    _mapping(text, say("Detail"), {key: value for key, value in card.detail.detail.items() if key not in _SHOWN_ABOVE})
    return text


def _selection(text: Text, card: RecordCard, now: datetime | None) -> None:
    selection = card.selection
    if isinstance(selection, Unknown):
        text.append(say("\n\nToday's list\n"), STYLES[Tone.TITLE])
        text.append(say("There is none: {reason}", reason=selection.reason), STYLES[Tone.WARN])
        return
    listed = selection.value
    text.append(say("\n\nToday's list"), STYLES[Tone.TITLE])
    text.append(
        say("  {bonds}, dated {trade_date}", bonds=fmt.plural(len(listed.bonds), "bond"), trade_date=listed.trade_date),
        STYLES[Tone.DIM],
    )
    for rank, bond in enumerate(card.listed, 1):
        text.append(f"\n{rank:>3}  ", STYLES[Tone.DIM])
        text.append(f"{bond.code}  ", STYLES[Tone.STRONG])
        text.append(fmt.fit(fmt.one_line(bond.name), _NAME))
        text.append(f"{fmt.price(bond.list_price):>9} -> ", STYLES[Tone.DIM])
        text.append(f"{fmt.price(bond.last):>8}")
        if bond.quoted_at is not None:
            age = fmt.age((now - bond.quoted_at).total_seconds()) if now is not None else ""
            text.append(f" {age:>3}", STYLES[Tone.DIM])
        if bond.blocked:
            text.append(f"\n     {bond.blocked}", STYLES[Tone.WARN])


def _mapping(text: Text, title: str, values: Mapping[str, Any]) -> None:
    text.append(f"\n\n{title}", STYLES[Tone.TITLE])
    if not values:
        text.append(say("\nthe platform tells none"), STYLES[Tone.DIM])
    for key, value in values.items():
        text.append(f"\n{fmt.fit(fmt.plain_key(str(key)), _LABEL)}  ", STYLES[Tone.DIM])
        text.append(fmt.plain_value(value))
