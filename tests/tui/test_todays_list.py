"""Today's list on the card of a record: its rows, and sorting and filtering them with the keys of every list."""

from dataclasses import replace
from typing import Any

import pytest

from core.model.command import Done, ShowRecord
from core.model.known import Known
from core.model.platform import SkippedRow
from core.model.record_card import RecordCard
from tests.tui.samples import NOW, snapshot
from tests.tui.screen import LARGE, SMALL, change, flat, press, settle, status_text, until
from tests.tui.screen import shown as app_shown
from tests.tui.scripted import ScriptedLink
from tests.tui.strategy_samples import record_card
from tui.app import RotorApp
from tui.screens.bond import BondDialog
from tui.screens.record_view import RecordView
from tui.screens.todays_list import TodaysBonds, list_head, list_rows
from tui.widgets.text import TextBlock


def shown(card: RecordCard) -> str:
    """The words above the list and in its rows."""
    rows = [" ".join(cell.text for cell in row.cells) for row in list_rows(card.listed, NOW)]
    return "\n".join([list_head(card).plain, *rows])


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


TO_THE_CARD = ("2", "enter", "enter")


def todays_list(app: RotorApp) -> TodaysBonds:
    return app.query_one(TodaysBonds)


def ranks(app: RotorApp) -> list[str]:
    return [row.cells[0].text for row in todays_list(app).table.rows]


def columns(app: RotorApp) -> list[str]:
    return [slot.column.label for slot in todays_list(app).table.column_layout.slots]


async def test_the_list_has_the_bond_s_figures_as_columns_by_priority() -> None:
    async with app_shown(ScriptedLink(snapshot()), *TO_THE_CARD, size=LARGE) as (app, pilot):
        assert columns(app) == ["#", "Code", "Name", "Last", "Age", "Premium", "Dbl-low", "Call"]
        assert "1 113052.SH 兴业转债 121.734 0s 39.79% 161.02 0/15" in flat(app)
        await press(pilot, "z")
        assert {"Rating", "Size 100m", "List price", "Note", "Underlying", "Matures"} <= set(columns(app))
        await press(pilot, "z")
        await pilot.resize_terminal(*SMALL)
        await settle(pilot)
        assert {"Premium", "Dbl-low", "Call", "Rating"} <= set(columns(app))


async def test_what_cannot_be_bought_is_marked_and_its_reason_shown_with_the_cursor() -> None:
    async with app_shown(ScriptedLink(snapshot()), *TO_THE_CARD, "enter", size=LARGE) as (app, pilot):
        assert ranks(app)[4] == "!5"
        assert app.query_one("#todays-list-note", TextBlock).text.strip() == ""
        await press(pilot, "down", "down", "down", "down")
        told = "128136.SZ 立讯转债 suspended, last traded at 115.480 on 2026-05-05"
        assert told in " ".join(app.query_one("#todays-list-note", TextBlock).text.split())


def test_up_to_three_reasons_stand_above_the_list_and_else_their_number(card: RecordCard) -> None:
    assert "!5 128136.SZ 立讯转债  suspended, last traded at 115.480" in list_head(card).plain
    blocked = replace(card, listed=tuple(replace(bond, blocked="no price") for bond in card.listed))
    assert "8 bonds cannot be bought now (!)" in list_head(blocked).plain
    assert "no price" not in list_head(blocked).plain


@pytest.mark.parametrize("size", [SMALL, *(pytest.param(size, marks=pytest.mark.slow) for size in ((120, 30), LARGE))])
async def test_the_keys_of_every_list_sort_and_filter_it(size: tuple[int, int]) -> None:
    async with app_shown(ScriptedLink(snapshot()), *TO_THE_CARD, size=size) as (app, pilot):
        await press(pilot, "o", "o", "o", "o")
        assert todays_list(app).table.has_focus
        # By the last price, the highest first; `o` went to `#`, code and name before.
        assert ranks(app)[:3] == ["4", "7", "1"]
        await press(pilot, "O")
        assert ranks(app)[:2] == ["6", "3"]
        await press(pilot, "slash", *"转债", "enter")
        assert len(ranks(app)) == 8
        await press(pilot, "slash", *" 9/15", "enter")
        assert ranks(app) == []
        assert "No row contains" in flat(app)
        await press(pilot, "escape")
        assert len(ranks(app)) == 8
        assert todays_list(app).table.has_focus
        await press(pilot, "escape")
        assert app.focused is app.query_one(RecordView)
        await press(pilot, "escape")
        assert app.focused is not None and app.focused.id == "record-list-table"


async def test_a_click_on_a_head_sorts_it_and_not_the_records() -> None:
    async with app_shown(ScriptedLink(snapshot()), *TO_THE_CARD, "enter", size=LARGE) as (app, pilot):
        table = todays_list(app).table
        slots, left = table.column_layout, 1
        for slot in slots.slots:
            if slot.column.label == "Premium":
                break
            left += slot.width + slots.gap
        await pilot.click("#todays-list-table", offset=(left + 1, 0))
        await settle(pilot)
        assert ranks(app)[0] == "3"
        assert ranks(app)[-1] == "6"
        assert app.query_one("#record-list-table").rows[0].key == "11"  # type: ignore[attr-defined]


async def test_enter_opens_the_bond_under_the_cursor() -> None:
    async with app_shown(ScriptedLink(snapshot()), *TO_THE_CARD, "enter", "down", "enter", size=LARGE) as (app, _):
        assert isinstance(app.screen, BondDialog)
        assert "127056.SZ 中特转债" in flat(app)


async def test_another_record_s_list_begins_unfiltered() -> None:
    keys = (*TO_THE_CARD, "slash", *"113052", "enter")
    async with app_shown(ScriptedLink(snapshot()), *keys, size=LARGE) as (app, pilot):
        assert ranks(app) == ["1"]
        app.query_one("#record-list-table").focus()
        await press(pilot, "down")
        await until(pilot, lambda: len(ranks(app)) == 8)
        assert todays_list(app).search.text == ""


async def test_without_a_list_the_keys_say_so_and_the_focus_stays_on_the_card() -> None:
    link = ScriptedLink(snapshot())
    async with app_shown(link, *TO_THE_CARD, "enter", size=LARGE) as (app, pilot):
        assert todays_list(app).table.has_focus
        link.replies[ShowRecord] = lambda command: Done(record_card(command, none_because="the list is of yesterday"))
        await press(pilot, "r")
        assert not todays_list(app).display
        assert app.focused is app.query_one(RecordView)
        assert "There is none: the list is of yesterday" in flat(app)
        for key in ("o", "slash", "enter"):
            await press(pilot, key)
            assert "There is no list here." in status_text(app), key


async def test_prices_age_and_the_cursor_stays_on_its_bond() -> None:
    link = ScriptedLink(snapshot())
    async with app_shown(link, *TO_THE_CARD, "enter", "down", "down", size=LARGE) as (app, pilot):
        await change(app, pilot, link, at=NOW.replace(minute=52))
        assert "3 110059.SH 浦发转债 110.370 3m" in flat(app)
        assert todays_list(app).table.cursor_key == "110059.SH"


async def test_a_long_list_is_scrolled_within_the_card() -> None:
    link = ScriptedLink(snapshot())

    def many(command: ShowRecord) -> Done[RecordCard]:
        card = record_card(command)
        rows = [
            replace(card.listed[place % 8], code=type(card.listed[0].code)(f"{110000 + place}")) for place in range(40)
        ]
        return Done(replace(card, listed=tuple(rows)))

    link.replies[ShowRecord] = many
    async with app_shown(link, *TO_THE_CARD, "enter", "end", size=SMALL) as (app, _):
        table = todays_list(app).table
        assert table.cursor_key == "110039.SH"
        assert "110039.SH" in flat(app) and "Code" in flat(app)
        assert table.size.height < 20
