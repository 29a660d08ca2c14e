"""akshare's two tables of bonds: redemptions and last trading days (强赎, from jisilu), listing and terms (East Money).

Traps of jisilu's table in akshare 1.19.5, seen in recorded rows: a maturing bond is shown as called, with HTML in its
count and no redemption price; an icon that akshare does not know becomes an empty state, which differs from the state
of a bond that is not called. A count that akshare does not know is passed on as it is.
"""

from collections.abc import Mapping
from dataclasses import replace

from core.akshare.cells import check_filled_ratio, parse_date, parse_number, rows_by_code, strip_html
from core.akshare.client import Table, TableRefused, check_shape
from core.i18n import say
from core.model.bond import BondCode
from core.model.bond_info import BondFacts, RedemptionState
from core.rules.redemption_text import days_counted, stated

REDEMPTION_TABLE = "bond_cb_redeem_jsl"
REDEMPTION_SOURCE = "jisilu"

REDEMPTION_ROWS = 200
"""At least: 337 bonds were listed in May 2026, and a table of jisilu without a login has 30 rows."""

REDEMPTION_COLUMNS = (
    "代码",
    "名称",
    "剩余规模",
    "最后交易日",
    "到期日",
    "转股起始日",
    "转股价",
    "强赎价",
    "强赎天计数",
    "强赎状态",
    "正股名称",
)

_STATES = {
    "": RedemptionState.NONE,
    "已满足强赎条件": RedemptionState.MET,
    "公告不强赎": RedemptionState.DECLINED,
    "公告要强赎": RedemptionState.CALLED,
    "已公告强赎": RedemptionState.CALLED,
}
_NEAR_MATURITY = "临近到期"
_DAYS_TO_MATURITY = 31
"""At most, from the last trading day of a bond that matures: three full sessions, perhaps with a long holiday."""

_HUNDRED_MILLION = 10**8

MOST_UNREADABLE = 0.05
"""Share of the rows, above it the format must have changed. A table whose states cannot be read is refused; one whose
counts cannot be read still tells of calls."""


def read_redemptions(table: Table) -> dict[BondCode, BondFacts]:
    """Raises `TableRefused`: one cell that cannot be read refuses the whole table."""
    check_shape(table, REDEMPTION_COLUMNS, REDEMPTION_ROWS)
    check_filled_ratio(table, "到期日", 0.95)
    check_filled_ratio(table, "转股价", 0.9)
    found = {code: _facts(code, row, table) for code, row in rows_by_code(table, "代码")}
    unreadable = sum(_icon(row["强赎状态"]) is RedemptionState.UNREADABLE for row in table.rows)
    if unreadable > MOST_UNREADABLE * len(table.rows):
        raise TableRefused(say("the state of {unreadable} bonds cannot be read", unreadable=unreadable))
    return found


def _facts(code: BondCode, cells: Mapping[str, str | None], table: Table) -> BondFacts:
    last_trade, maturity = parse_date(cells["最后交易日"], "最后交易日"), parse_date(cells["到期日"], "到期日")
    if last_trade is not None and maturity is not None and last_trade > maturity:
        raise TableRefused(say("{code} trades until {last_trade} and matures before", code=code, last_trade=last_trade))
    price, balance = parse_number(cells["强赎价"], "强赎价"), parse_number(cells["剩余规模"], "剩余规模")
    count = strip_html(cells["强赎天计数"])
    facts = BondFacts(
        code,
        REDEMPTION_SOURCE,
        table.fetched_at,
        name=strip_html(cells["名称"]),
        counted=days_counted(count),
        last_trade=last_trade,
        maturity=maturity,
        converts_from=parse_date(cells["转股起始日"], "转股起始日"),
        redemption_price=price if price is not None and price > 0 else None,
        conversion_price=parse_number(cells["转股价"], "转股价"),
        balance=None if balance is None else balance * _HUNDRED_MILLION,
        share=strip_html(cells["正股名称"]) or None,
    )
    return _with_state(facts, cells["强赎状态"], count)


def _with_state(facts: BondFacts, icon: str | None, count: str) -> BondFacts:
    """With the redemption state. Whatever else in the row tells of a call goes before its icon: an empty icon may only
    be late. An icon that says nothing proves nothing without a count."""
    found = _icon(icon)
    if facts.redemption_price is None and (_NEAR_MATURITY in count or _ends_with_maturity(facts)):
        return replace(facts, call=RedemptionState.MATURING)
    told = stated(count)
    if told is RedemptionState.CALLED or facts.redemption_price is not None or facts.last_trade is not None:
        return replace(facts, call=RedemptionState.CALLED)
    if found is RedemptionState.NONE and told is not None:
        return replace(facts, call=told)
    if found is RedemptionState.NONE and facts.counted is None:
        return replace(facts, call=RedemptionState.UNREADABLE, unreadable=_unreadable("强赎天计数", count))
    if found is RedemptionState.UNREADABLE:
        return replace(facts, call=found, unreadable=_unreadable("强赎状态", icon or ""))
    return replace(facts, call=found)


def _icon(text: str | None) -> RedemptionState:
    return RedemptionState.UNREADABLE if text is None else _STATES.get(text.strip(), RedemptionState.UNREADABLE)


def _ends_with_maturity(facts: BondFacts) -> bool:
    last, end = facts.last_trade, facts.maturity
    return last is not None and end is not None and (end - last).days <= _DAYS_TO_MATURITY


def _unreadable(column: str, text: str) -> str:
    return say("its {column} cannot be read ({text})", column=column, text=repr(text[:30]) if text else say("empty"))


TERMS_TABLE = "bond_cov_comparison"
TERMS_SOURCE = "East Money"

TERMS_ROWS = 210
"""At least: its pages were once silently cut at 200 rows (akshare #5616)."""

TERMS_COLUMNS = ("转债代码", "转债名称", "上市日期", "转股价", "转股溢价率", "正股名称")


def read_terms(table: Table) -> dict[BondCode, BondFacts]:
    """Raises `TableRefused`."""
    check_shape(table, TERMS_COLUMNS, TERMS_ROWS)
    check_filled_ratio(table, "上市日期", 0.9)
    check_filled_ratio(table, "转股价", 0.9)
    found: dict[BondCode, BondFacts] = {}
    for code, row in rows_by_code(table, "转债代码"):
        premium = parse_number(row["转股溢价率"], "转股溢价率")
        found[code] = BondFacts(
            code,
            TERMS_SOURCE,
            table.fetched_at,
            name=strip_html(row["转债名称"]),
            listed=parse_date(row["上市日期"], "上市日期"),
            conversion_price=parse_number(row["转股价"], "转股价"),
            premium=None if premium is None else premium / 100,
            share=strip_html(row["正股名称"]) or None,
        )
    return found
