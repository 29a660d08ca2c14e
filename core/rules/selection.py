"""Whether the day's list may be traded at all, and what there is to say about one that may."""

from collections.abc import Sequence
from datetime import date
from typing import Literal

from core.i18n import listed, noted, say, say_many
from core.model.known import Unknown
from core.model.platform import Selection, SkippedRow
from core.model.settings import BuySettings, GuardSettings, Settings


def check_selection(
    selection: Selection, last: Selection | None, days: Sequence[date], settings: Settings
) -> str | None:
    """Why this list must not be traded, as a sentence; None where it may.

    `days` are the dates that it may have, newest first. `last` is the list before it; an empty one, or one of another
    record, is no measure of size or change.
    """
    guards = settings.guards
    if not selection.rows:
        return _check_date(selection, days, guards) or _why_hold_when_empty(selection, settings.strategy.empty_list)
    refusal = (
        _check_dated(selection, guards) or _check_date(selection, days, guards) or _check_skipped(selection, guards)
    )
    if refusal is not None or last is None or not last.bonds or _origin(last) != _origin(selection):
        return refusal
    return _check_size(selection, last, guards) or _check_turnover(selection, last, guards)


def list_age(selection: Selection, days: Sequence[date]) -> int | None:
    """How many sessions old the list is; None where it has no date, or none of these."""
    return days.index(selection.trade_date) if selection.trade_date in days else None


def notes_on(selection: Selection, age: int | None) -> tuple[str, ...]:
    """What the user should know about a list that is used, each as a sentence."""
    nameless = sum(not bond.name for bond in selection.bonds)
    priceless = sum(bond.price is None for bond in selection.bonds)
    found = [
        _out_of_market() if not selection.rows else None,
        _old(age) if age else None,
        _without_date(selection) if selection.undated else None,
        _skipped(selection.skipped, selection.rows) if selection.skipped else None,
        _nameless(nameless) if nameless else None,
        _priceless(priceless) if priceless else None,
    ]
    return tuple(note for note in found if note is not None)


def notes_on_band(selection: Selection, buy: BuySettings) -> tuple[str, ...]:
    """Why the hold band keeps nothing of this list, where it is set and cannot."""
    if not buy.hold_band or not selection.rows:
        return ()
    if not buy.top:
        return (say("The hold band has no effect: buy.top = 0 holds the whole list."),)
    count = len(selection.codes)
    if count > buy.top:
        return ()
    return (
        say(
            "The hold band has no effect: the list has {count} bonds, no more than buy.top = {top}. Follow a record "
            "with a longer list, or lower buy.top.",
            count=count,
            top=buy.top,
        ),
    )


def _origin(selection: Selection) -> tuple[int, int]:
    return selection.strategy_id, selection.history_id


def _out_of_market() -> str:
    return say(
        "The list is empty and the record uses market timing: the strategy leaves the market "
        "(strategy.empty_list = sell)."
    )


def _old(age: int) -> str:
    return say_many(
        "The list is {count} session old: it is not today's.",
        "The list is {count} sessions old: it is not today's.",
        age,
    )


def _without_date(selection: Selection) -> str:
    if selection.trade_date is None:
        return say("The list has no date (guards.undated_list = allow): check on the platform that it is today's.")
    return say("{undated} of its {rows} rows have no date.", undated=selection.undated, rows=selection.rows)


def _skipped(skipped: Sequence[SkippedRow], rows: int) -> str:
    named = listed(noted(row.code, say(row.kind)) for row in skipped[:5]) + (" ..." if len(skipped) > 5 else "")
    return say(
        "{count} of its {rows} rows skipped, neither bought nor sold: {named}.",
        count=len(skipped),
        rows=rows,
        named=named,
    )


def _nameless(count: int) -> str:
    return say_many(
        "{count} bond has no name in the list: the quote source's is shown.",
        "{count} bonds have no name in the list: the quote source's are shown.",
        count,
    )


def _priceless(count: int) -> str:
    return say_many(
        "{count} bond has no price in the list: the quote source's is shown.",
        "{count} bonds have no price in the list: the quote source's are shown.",
        count,
    )


def _why_hold_when_empty(selection: Selection, wanted: Literal["hold", "sell"]) -> str | None:
    timing = selection.timing
    if isinstance(timing, Unknown):
        why = say("whether the record uses market timing is not known ({reason})", reason=timing.reason.rstrip(".。"))
    elif not timing.value:
        why = say("the record does not use market timing, so it never leaves the market")
    elif wanted == "sell":
        return None
    else:
        why = say("the record uses market timing, so it may have left the market")
    return say(
        "The list is empty; {why}. All holdings are kept and nothing is sent. Has the strategy left the market? Look "
        "at this record on the platform. To sell everything now, liquidate. To let rotor sell on an empty list of a "
        "record with market timing, set strategy.empty_list = sell.",
        why=why,
    )


def _check_dated(selection: Selection, guards: GuardSettings) -> str | None:
    if selection.trade_date is not None or guards.undated_list == "allow":
        return None
    return say(
        "The list has no date, so it may be an old one. Nothing is sent; if this record never has dates and you accept "
        "its list as today's, set guards.undated_list = allow."
    )


def _check_date(selection: Selection, days: Sequence[date], guards: GuardSettings) -> str | None:
    day, newest, oldest = selection.trade_date, days[0], days[-1]
    if day is None or day in days:
        return None
    if day > newest:
        return say(
            "The list is dated {trade_date}, later than the {expected} that is expected. Nothing "
            "is sent; check this machine's date and the record on Factor Cat.",
            trade_date=day,
            expected=newest,
        )
    if day > oldest:
        return say(
            "The list is dated {trade_date}, which is no trading day. Nothing is sent; wait until Factor Cat has the "
            "new list, then plan again.",
            trade_date=day,
        )
    return say(
        "The list is stale: it is dated {trade_date}, and {expected} is expected, or at the oldest {oldest} "
        "(guards.max_list_age = {age}). Nothing is sent; wait until Factor Cat has the new list, then plan again.",
        trade_date=day,
        expected=newest,
        oldest=oldest,
        age=guards.max_list_age,
    )


def _check_skipped(selection: Selection, guards: GuardSettings) -> str | None:
    skipped, rows = selection.skipped, selection.rows
    if selection.bonds and len(skipped) <= guards.max_skipped_ratio * rows:
        return None
    return say(
        "Too much of the list cannot be followed. {skipped} guards.max_skipped_ratio allows {most:.1%} of the rows, "
        "and a bond must be left. Nothing is sent; look at this record on the platform, or raise the setting.",
        skipped=_skipped(skipped, rows),
        most=guards.max_skipped_ratio,
    )


def _check_size(selection: Selection, last: Selection, guards: GuardSettings) -> str | None:
    count, before = len(selection.bonds), len(last.bonds)
    if count >= guards.min_list_ratio * before:
        return None
    return say(
        "The list is too short: {count} bonds, after {before} on {trade_date}; "
        "guards.min_list_ratio asks for {min_list_ratio:.1%} of them. Nothing is sent; lower "
        "the setting if the list is meant to shrink so.",
        count=count,
        before=before,
        trade_date=_day_of(last),
        min_list_ratio=guards.min_list_ratio,
    )


def _check_turnover(selection: Selection, last: Selection, guards: GuardSettings) -> str | None:
    joined = len(set(selection.codes) - set(last.codes))
    count = len(selection.codes)
    if joined <= guards.max_turnover_ratio * count:
        return None
    return say(
        "The list changes too much: {joined} of its {count} bonds ({share:.1%}) were not in "
        "the one of {trade_date}; guards.max_turnover_ratio allows {max_turnover_ratio:.1%}. "
        "Nothing is sent; raise the setting if the change is meant.",
        joined=joined,
        count=count,
        share=joined / count,
        trade_date=_day_of(last),
        max_turnover_ratio=guards.max_turnover_ratio,
    )


def _day_of(last: Selection) -> date:
    return last.trade_date or last.fetched_at.date()
