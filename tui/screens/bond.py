"""The card of a bond behind any row that names one: its prices by source, its call and its last days, each with its
age, and whether it would be bought now."""

from datetime import datetime
from decimal import Decimal

from rich.text import Text
from textual.app import ComposeResult

from core.i18n import say
from core.model.bond import BondCode
from core.model.bond_info import BondDetail, BondFacts, SourcePrice
from core.model.command import Done, ReadDayLine, ShowBond
from core.model.known import Unknown
from core.model.snapshot import Snapshot
from tui import format as fmt
from tui.screens.dialogs import Fact, TextDialog
from tui.screens.line_charts import day_chart
from tui.screens.metrics_text import metrics_block
from tui.screens.pane import PaneHost
from tui.screens.stop_gauge import StopGauge
from tui.widgets.chart import LineChart
from tui.widgets.text import TextBlock, facts
from tui.widgets.theme import STYLES, Tone, styled

_LABEL = 16

_TICKS = 5
"""Seconds after which the details are asked for again."""


class BondDialog(TextDialog):
    """A row's text; above it whether the bond would be bought now, below it all else that the engine knows of it."""

    def __init__(self, host: PaneHost, title: str, text: Text | str, code: BondCode) -> None:
        super().__init__(title, text)
        self._host = host
        self._code = code
        self._card: BondDetail | None = None
        self._problem = ""
        self._loading = False
        self._ticks = 0
        self._gauge = StopGauge(code, id="bond-gauge")
        self._chart = LineChart(id="bond-chart")
        self._chart.display = False
        self._verdict = TextBlock(id="bond-verdict")
        self._verdict.set_text(styled((say("Loading the details of {code} ...", code=code) + "\n", Tone.DIM)))
        self._bond = TextBlock(id="bond-card")

    def above(self) -> ComposeResult:
        yield self._verdict

    def below(self) -> ComposeResult:
        yield self._gauge
        yield self._chart
        yield self._bond

    def on_mount(self) -> None:
        self._gauge.show(self._host.snapshot)
        self._load()

    def tick(self, snapshot: Snapshot) -> None:
        super().tick(snapshot)
        self._gauge.show(snapshot)
        self._ticks += 1
        if self._ticks % _TICKS == 0 and not self._loading:
            self._load()
        self._show_card(snapshot.at)

    def _load(self) -> None:
        self._loading = True
        self.run_worker(self._ask, name="bond", exit_on_error=False)

    async def _ask(self) -> None:
        try:
            reply = await self._host.ask(ShowBond(self._code))
        finally:
            self._loading = False
        if isinstance(reply, Done):
            self._card, self._problem = reply.value, ""
        else:
            self._problem = say("The details could not be loaded: {reason}", reason=reply.text)
        self._show_card(self._host.snapshot.at if self._host.snapshot is not None else None)
        line = await self._host.ask(ReadDayLine(self._code))
        self._chart.display = isinstance(line, Done)
        if isinstance(line, Done):
            self._chart.set_class(len(line.value.points) < 2, "-sentence")
            self._chart.show(day_chart(line.value))

    def _show_card(self, now: datetime | None) -> None:
        """What was loaded last, with its age by now."""
        verdict = styled((self._problem + "\n", Tone.WARN)) if self._problem else Text()
        if self._card is not None:
            verdict.append_text(verdict_text(self._card)).append("\n")
            self._bond.set_text(bond_text(self._card, now))
        if verdict:
            self._verdict.set_text(verdict)


def verdict_text(card: BondDetail) -> Text:
    """Whether it would be bought now, and what endangers it."""
    if card.why_not:
        return styled((say("Would not be bought now: {why}", why=card.why_not), Tone.WARN))
    text = styled((say("OK to buy"), Tone.GOOD))
    return text.append_text(styled(("\n" + card.danger, Tone.BAD))) if card.danger else text


def bond_text(card: BondDetail, now: datetime | None) -> Text:
    """`now` is the engine's time, None where it is not known: then nothing has an age."""
    text = Text()
    if card.metrics is not None:
        text.append_text(metrics_block(card.metrics, now))
    for price in card.prices:
        used = say("{source}, in use", source=price.source) if price.in_use else price.source
        _section(text, say("Price by {source}", source=used), _price_rows(price, now))
    for one in card.bond_info.facts:
        told = say("{source}, {at:%Y-%m-%d %H:%M}", source=one.source, at=one.as_of)
        _section(text, f"{told}{_age_note(one.as_of, now)}", _fact_rows(one))
    if card.bond_info.missing:
        text.append(f"\n\n{card.bond_info.missing}", STYLES[Tone.WARN])
    return text


def _section(text: Text, title: str, rows: list[Fact]) -> None:
    text.append(f"\n\n{title}\n", STYLES[Tone.TITLE])
    text.append_text(facts(rows, _LABEL))


def _price_rows(price: SourcePrice, now: datetime | None) -> list[Fact]:
    if isinstance(price.quote, Unknown):
        return [(say("Price"), price.quote.reason, Tone.WARN)]
    quote = price.quote.value
    return [
        (say("Last"), f"{fmt.price(quote.last)}  {fmt.clock(quote.at)}{_age_note(quote.at, now)}", Tone.STRONG),
        (say("State"), say(quote.state), Tone.TEXT),
        (say("Bid / ask"), f"{_side(quote.bid, quote.bid_volume)} / {_side(quote.ask, quote.ask_volume)}", Tone.TEXT),
        (say("Previous close"), fmt.price(quote.prev_close), Tone.TEXT),
        (say("Day's limits"), f"{fmt.price(quote.limit_down)} - {fmt.price(quote.limit_up)}", Tone.TEXT),
        (say("Volume", context="turnover"), say("{volume} 张 today", volume=fmt.volume(quote.volume)), Tone.TEXT),
    ]


def _side(price: Decimal | None, volume: int | None) -> str:
    shown = fmt.price(price)
    return shown if volume is None else f"{shown} x {volume}"


def _fact_rows(one: BondFacts) -> list[Fact]:
    left = None if one.balance is None else say("{balance} CNY", balance=fmt.money(one.balance))
    told: list[tuple[str, object]] = [
        (say("Redemption"), None if one.call is None else say(one.call)),
        (say("Days counted"), None if one.counted is None else "{} / {}".format(*one.counted)),
        (say("Not readable"), one.unreadable),
        (say("Last trading day"), one.last_trade),
        (say("Redemption price"), one.redemption_price),
        (say("Maturity"), one.maturity),
        (say("Listed"), one.listed),
        (say("Restricted"), one.restricted),
        (say("Conversion price"), one.conversion_price),
        (say("Premium"), None if one.premium is None else fmt.ratio(one.premium)),
        (say("Remaining size"), left),
        (say("Underlying share"), one.share),
        (say("Rating"), one.rating),
    ]
    return [(label, f"{value}", Tone.TEXT) for label, value in told if value not in (None, "")]


def _age_note(moment: datetime, now: datetime | None) -> str:
    return "" if now is None else say("  ({age} old)", age=fmt.age((now - moment).total_seconds()))
