"""What the card of a record says of today's list."""

from dataclasses import replace
from typing import Any

import pytest

from core.model.command import ShowRecord
from core.model.known import Known
from core.model.platform import SkippedRow
from core.model.record_card import RecordCard
from tests.tui.samples import NOW
from tests.tui.strategy_samples import record_card
from tui.screens.record_text import list_text


def shown(card: RecordCard) -> str:
    return list_text(card, NOW).plain


@pytest.fixture
def card() -> RecordCard:
    return record_card(ShowRecord(1, 1))


def listing(card: RecordCard, **changes: Any) -> RecordCard:
    assert isinstance(card.selection, Known)
    return replace(card, selection=Known(replace(card.selection.value, **changes)))


def test_a_skipped_row_stands_there_with_its_reason(card: RecordCard) -> None:
    skipped = (SkippedRow("132026", "某可交换债", "an exchangeable bond, not a convertible one"),)
    told = shown(listing(card, skipped=skipped))
    assert "132026" in told
    assert "skipped: an exchangeable bond" in told
    assert "skipped:" not in shown(card)


def test_a_list_without_a_date_and_an_empty_one_say_so(card: RecordCard) -> None:
    assert "8 bonds, without a date" in shown(listing(card, trade_date=None))
    assert "The list is empty." in shown(replace(listing(card, bonds=()), listed=()))
    assert "The list is empty." not in shown(card)


def test_what_the_list_lacks_and_what_it_says_besides_is_shown_with_each_bond(card: RecordCard) -> None:
    first, *others = card.listed
    marked = replace(first, not_listed="name from the quote source: the list has none", extra={"turnoverRate": 0.25})
    told = shown(replace(card, listed=(marked, *others)))
    assert "name from the quote source: the list has none" in told
    assert "turnover rate 0.25" in told
