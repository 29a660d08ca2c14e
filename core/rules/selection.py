"""Whether the day's list may be traded at all."""

from datetime import date

from core.i18n import say
from core.model.platform import Selection
from core.model.settings import GuardSettings


def check_selection(
    selection: Selection, last: Selection | None, expected_date: date, guards: GuardSettings
) -> str | None:
    """Why this list must not be traded, as a sentence; None where it may.

    `expected_date` is the day the list must carry. `last` is the list before it; one of another record is no measure of
    size or change.
    """
    refusal = _check_date(selection, expected_date)
    if refusal is not None or last is None or _origin(last) != _origin(selection):
        return refusal
    return _check_size(selection, last, guards) or _check_turnover(selection, last, guards)


def _origin(selection: Selection) -> tuple[int, int]:
    return selection.strategy_id, selection.history_id


def _check_date(selection: Selection, expected: date) -> str | None:
    if selection.trade_date < expected:
        return say(
            "The list is stale: it is dated {trade_date}, and {expected} is expected. Nothing is "
            "sent; wait until Factor Cat has the new list, then plan again.",
            trade_date=selection.trade_date,
            expected=expected,
        )
    if selection.trade_date > expected:
        return say(
            "The list is dated {trade_date}, later than the {expected} that is expected. Nothing "
            "is sent; check this machine's date and the record on Factor Cat.",
            trade_date=selection.trade_date,
            expected=expected,
        )
    return None


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
        trade_date=last.trade_date,
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
        trade_date=last.trade_date,
        max_turnover_ratio=guards.max_turnover_ratio,
    )
