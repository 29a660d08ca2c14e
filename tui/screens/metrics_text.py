"""What a bond trader looks at, as columns and as the block of a card; `--` or "unknown" where unknown.

A `~` before a premium, or what follows from it, says that it is not by two prices of these minutes: the card tells
whose it is and of when.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from core.i18n import mark, say
from core.model.bond_metrics import BondFigures, BondMetrics, BondTerms, Dated
from core.model.redemption import RedemptionState
from tui import format as fmt
from tui.widgets.columns import Cell, Column, cell
from tui.widgets.text import facts
from tui.widgets.theme import STYLES, Tone, change_tone

_HUNDRED_MILLION = 10**8
_NEAR = 3
"""Days to a call from which it is marked."""

_VALUE = 24
"""Cells of a card's value, before its source."""

_RATINGS = ("AAA", "AA+", "AA", "AA-", "A+", "A", "A-", "BBB+", "BBB", "BBB-", "BB+", "BB", "BB-", "B+", "B", "B-")
_NO_CALL = 999
"""Where a bond is sorted whose issuer has declined to call it."""


def metric_columns(ranks: Sequence[int]) -> tuple[Column, ...]:
    """The columns of `metric_cells`, which go in the order of these eight ranks where the width is short."""
    columns = (
        (mark("Premium", context="column"), 7, 9, True),
        (mark("Dbl-low"), 7, 9, True),
        (mark("Call", context="column"), 5, 8, True),
        (mark("Rating"), 4, 6, False),
        (mark("Size 100m"), 6, 9, True),
        (mark("Underlying"), 8, 10, False),
        (mark("Und %"), 6, 8, True),
        (mark("Matures"), 10, 10, False),
    )
    return tuple(
        Column(label, least, most, rank=rank, right=right)
        for (label, least, most, right), rank in zip(columns, ranks, strict=True)
    )


METRIC_COUNT = 8


def metric_cells(metrics: BondMetrics | None) -> tuple[Cell, ...]:
    """One for each of `metric_columns`, sorted by number."""
    if metrics is None:
        return (cell(fmt.NOT_KNOWN, Tone.DIM, None),) * METRIC_COUNT
    terms, figures = metrics.terms, metrics.figures
    change = figures.share.change if figures.share is not None else None
    tone = Tone.TEXT if figures.live else Tone.DIM
    rating, size = _value(terms.rating), _value(terms.remaining_size)
    matures: date | None = _value(terms.maturity)
    return (
        cell(_marked(figures, premium_text(figures.premium)), tone, figures.premium),
        cell(_marked(figures, _number(figures.double_low)), tone, figures.double_low),
        _call_cell(terms),
        cell(rating or fmt.NOT_KNOWN, Tone.TEXT if rating else Tone.DIM, _rating_value(rating)),
        cell(size_text(size), Tone.TEXT if size is not None else Tone.DIM, size),
        cell(terms.share_name or fmt.NOT_KNOWN, Tone.TEXT if terms.share_name else Tone.DIM, terms.share_name or None),
        cell(fmt.ratio(change), change_tone(change), change),
        cell(f"{matures or fmt.NOT_KNOWN}", Tone.DIM, None if matures is None else matures.isoformat()),
    )


def metrics_block(metrics: BondMetrics, now: datetime | None) -> Text:
    """All of it, each with whose it is and of when."""
    return _titled(metric_facts(metrics, now), sourced=True)


def metrics_below(metrics: BondMetrics | None, now: datetime) -> Text:
    """The same without sources, under a row's own details; nothing without metrics."""
    return Text() if metrics is None else _titled(metric_facts(metrics, now), sourced=False)


def _titled(rows: Sequence["_Fact"], *, sourced: bool) -> Text:
    text = Text()
    text.append(f"\n\n{say('Bond figures')}\n", STYLES[Tone.TITLE])
    text.append_text(facts([row.shown(sourced=sourced) for row in rows]))
    if sourced:
        for row in rows:
            if row.value and row.source:
                text.highlight_words([row.source], STYLES[Tone.DIM] + Style(bold=False))
    return text


class _Fact(NamedTuple):
    """`value` is empty where it is not known; `source` tells whose it is and of when."""

    label: str
    value: str
    source: str = ""
    tone: Tone = Tone.TEXT

    def shown(self, *, sourced: bool) -> tuple[str, str, Tone]:
        if not self.value:
            return (self.label, say("unknown"), Tone.DIM)
        if not (sourced and self.source):
            return (self.label, self.value, self.tone)
        return (self.label, f"{fmt.fit(self.value, max(_VALUE, cell_len(self.value)))}  {self.source}", self.tone)


def metric_facts(metrics: BondMetrics, now: datetime | None) -> list[_Fact]:
    terms, figures = metrics.terms, metrics.figures
    return [
        _Fact(say("Premium"), _premium_value(figures), _premium_source(figures), Tone.STRONG),
        _Fact(say("Conversion value"), _value_text(figures), _conversion(terms, figures)),
        _Fact(say("Double-low"), _double_low(figures), "", Tone.STRONG),
        *_share_facts(terms, figures),
        _Fact(say("Call count"), _call_words(terms), _source(terms.counted or terms.call)),
        _Fact(say("Rating"), _value(terms.rating) or "", _source(terms.rating)),
        _Fact(say("Remaining size"), _size_words(terms), _source(terms.remaining_size)),
        _Fact(say("Maturity"), _maturity_words(terms, now), _source(terms.maturity)),
    ]


def premium_text(premium: Decimal | None) -> str:
    """Without a plus sign, as traders write it: `17.50%`."""
    return fmt.NOT_KNOWN if premium is None else f"{premium * 100:,.2f}%"


def size_text(size: Decimal | None) -> str:
    """In units of CNY 100m (亿)."""
    return fmt.NOT_KNOWN if size is None else f"{size / _HUNDRED_MILLION:,.2f}"


def _premium_value(figures: BondFigures) -> str:
    return "" if figures.premium is None else _marked(figures, premium_text(figures.premium))


def _double_low(figures: BondFigures) -> str:
    return "" if figures.double_low is None else _marked(figures, _number(figures.double_low))


def _premium_source(figures: BondFigures) -> str:
    if figures.premium_at is None:
        return ""
    at = _time(figures.premium_at)
    return f"{say(figures.premium_source)} {at}" if figures.premium_source else say("by both prices, {at}", at=at)


def _value_text(figures: BondFigures) -> str:
    value = figures.conversion_value
    return "" if value is None else say("{value} CNY", value=fmt.money(value))


def _conversion(terms: BondTerms, figures: BondFigures) -> str:
    price = terms.conversion_price
    if price is None or figures.conversion_value is None:
        return ""
    told = say("conversion price {price}", price=_plain(price.value))
    return f"{told}  {_source(price)}"


def _share_facts(terms: BondTerms, figures: BondFigures) -> list[_Fact]:
    share, named = figures.share, f"{terms.share_code} {terms.share_name}".strip()
    if share is None:
        return [_Fact(say("Underlying share"), named)]
    value = f"{fmt.money(share.price)}  {fmt.ratio(share.change)}"
    return [
        _Fact(say("Underlying share"), named),
        _Fact(say("Share price"), value, f"{say(share.source)} {_time(share.at)}", change_tone(share.change)),
    ]


def _call_words(terms: BondTerms) -> str:
    counted, left = terms.counted, terms.days_to_call
    call = say(terms.call.value) if terms.call is not None else ""
    if counted is None:
        return "" if terms.call is None or terms.call.value is RedemptionState.NONE else call
    met, needed = counted.value
    count = say("{met}/{needed}, {left} to go", met=met, needed=needed, left=left) if left else f"{met}/{needed}"
    quiet = terms.call is None or terms.call.value is RedemptionState.NONE
    return count if quiet else f"{count}, {call}"


def _size_words(terms: BondTerms) -> str:
    size = terms.remaining_size
    return "" if size is None else say("{size} x 100m CNY", size=size_text(size.value))


def _maturity_words(terms: BondTerms, now: datetime | None) -> str:
    if terms.maturity is None:
        return ""
    years = terms.years_left(now.date()) if now is not None else None
    day = terms.maturity.value.isoformat()
    return day if years is None else say("{day}, {years} years", day=day, years=years)


def _call_cell(terms: BondTerms) -> Cell:
    state, left = terms.call.value if terms.call is not None else None, terms.days_to_call
    text = _call_text(terms)
    if state in (RedemptionState.CALLED, RedemptionState.MATURING):
        return cell(text, Tone.BAD, -1)
    if state is RedemptionState.DECLINED:
        return cell(text, Tone.DIM, _NO_CALL)
    if left is None:
        return cell(text, Tone.DIM, None)
    return cell(text, Tone.WARN if left <= _NEAR else Tone.TEXT, left)


def _call_text(terms: BondTerms) -> str:
    """Short, for a column: a call goes before its count, and so does that there is none."""
    state = terms.call.value if terms.call is not None else None
    words = {
        RedemptionState.CALLED: say("called", context="column"),
        RedemptionState.MATURING: say("ends", context="column"),
        RedemptionState.DECLINED: say("no call", context="column"),
    }
    if state is not None and state in words:
        return words[state]
    return fmt.NOT_KNOWN if terms.counted is None else "{}/{}".format(*terms.counted.value)


def _marked(figures: BondFigures, text: str) -> str:
    return text if figures.live or text == fmt.NOT_KNOWN else f"~{text}"


def _number(value: Decimal | None) -> str:
    return fmt.NOT_KNOWN if value is None else f"{value:,.2f}"


def _rating_value(rating: str | None) -> int | None:
    """The best is the greatest; a rating that is not in the list comes below all others."""
    if rating is None:
        return None
    return len(_RATINGS) - _RATINGS.index(rating) if rating in _RATINGS else 0


def _value(found: Dated[Any] | None) -> Any:  # noqa: ANN401  (the value's own type)
    return None if found is None else found.value


def _source(found: Dated[Any] | None) -> str:
    return "" if found is None else f"{say(found.source)} {_time(found.as_of)}"


def _time(moment: datetime) -> str:
    return f"{fmt.in_shanghai(moment):%m-%d %H:%M}"


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
