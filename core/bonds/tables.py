"""akshare's tables of bonds: redemptions and last trading days (强赎, from jisilu), listing and terms, ratings (East
Money).

Traps of jisilu's table in akshare 1.19.5, seen in recorded rows: a maturing bond is shown as called, with HTML in its
count and no redemption price; an icon that akshare does not know becomes an empty state, which differs from the state
of a bond that is not called. A count that akshare does not know is passed on as it is.
"""

import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from core.akshare.cells import MOST_UNREADABLE, Row, check_filled_ratio, read_rows
from core.akshare.client import Table, TableRefused, check_shape
from core.i18n import mark, say
from core.model.bond import BondCode
from core.model.bond_info import BondFacts, RedemptionState
from core.rules.redemption_text import beside_counts, days_counted, stated
from core.rules.valuation import conversion_value, premium

REDEMPTION_TABLE = "bond_cb_redeem_jsl"
REDEMPTION_SOURCE = mark("jisilu")

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

_SHARE_CODE = re.compile(r"[0-9]{6}")
_RATING = re.compile(r"(?:A{1,3}|B{1,3}|C{1,3}|D)[+-]?")


def read_redemptions(table: Table) -> dict[BondCode, BondFacts]:
    """Raises `TableRefused`. Where only the counts cannot be read, the table still tells of calls."""
    check_shape(table, REDEMPTION_COLUMNS, REDEMPTION_ROWS)
    check_filled_ratio(table, "到期日", 0.95)
    check_filled_ratio(table, "转股价", 0.9)
    unreadable = sum(_icon(row["强赎状态"]) is RedemptionState.UNREADABLE for row in table.rows)
    if unreadable > MOST_UNREADABLE * len(table.rows):
        raise TableRefused(say("the state of {unreadable} bonds cannot be read", unreadable=unreadable))
    return read_rows(table, "代码", lambda code, row: _facts(code, row, table.fetched_at))


def _facts(code: BondCode, row: Row, as_of: datetime) -> BondFacts:
    last_trade, maturity = row.day("最后交易日"), row.day("到期日")
    if last_trade is not None and maturity is not None and last_trade > maturity:
        row.unreadable = say("{code} trades until {last_trade} and matures before", code=code, last_trade=last_trade)
        last_trade = maturity = None
    price, balance = row.number("强赎价"), row.number("剩余规模")
    share_price = row.shown_number("正股价")
    facts = BondFacts(
        code,
        REDEMPTION_SOURCE,
        as_of,
        name=row.text("名称"),
        counted=days_counted(row.text("强赎天计数")),
        last_trade=last_trade,
        maturity=maturity,
        converts_from=row.day("转股起始日"),
        redemption_price=price if price is not None and price > 0 else None,
        conversion_price=row.number("转股价"),
        balance=None if balance is None else balance * _HUNDRED_MILLION,
        share=row.text("正股名称") or None,
        share_code=row.shown_text("正股代码", _SHARE_CODE),
        share_price=share_price,
        premium=_premium(row.shown_number("现价"), share_price, row.shown_number("转股价")),
    )
    return _with_state(replace(facts, unreadable=row.unreadable), row.cells["强赎状态"], row.text("强赎天计数"))


def _with_state(facts: BondFacts, icon: str | None, count: str) -> BondFacts:
    """With the redemption state. Whatever else in the row tells of a call goes before its icon: an empty icon may only
    be late. An icon that says nothing proves nothing without a count."""
    found = _icon(icon)
    if facts.redemption_price is None and (_NEAR_MATURITY in count or _ends_with_maturity(facts)):
        return replace(facts, call=RedemptionState.MATURING)
    told = stated(f"{icon or ''} {count}")
    if told is RedemptionState.CALLED or facts.redemption_price is not None or facts.last_trade is not None:
        return replace(facts, call=RedemptionState.CALLED)
    if found is RedemptionState.NONE and told is not None:
        return replace(facts, call=told)
    if facts.unreadable and found is not RedemptionState.MET:
        return replace(facts, call=RedemptionState.UNREADABLE)
    odd = beside_counts(count) if found in (RedemptionState.NONE, RedemptionState.DECLINED) else ""
    if odd or (found is RedemptionState.NONE and facts.counted is None):
        return replace(facts, call=RedemptionState.UNREADABLE, unreadable=_unreadable("强赎天计数", count))
    if found is RedemptionState.UNREADABLE:
        return replace(facts, call=found, unreadable=_unreadable("强赎状态", icon or ""))
    return replace(facts, call=found)


def _premium(price: Decimal | None, share_price: Decimal | None, conversion_price: Decimal | None) -> Decimal | None:
    return premium(price, conversion_value(share_price, conversion_price))


def _icon(text: str | None) -> RedemptionState:
    return RedemptionState.UNREADABLE if text is None else _STATES.get(text.strip(), RedemptionState.UNREADABLE)


def _ends_with_maturity(facts: BondFacts) -> bool:
    last, end = facts.last_trade, facts.maturity
    return last is not None and end is not None and (end - last).days <= _DAYS_TO_MATURITY


def _unreadable(column: str, text: str) -> str:
    return say("its {column} cannot be read ({text})", column=column, text=repr(text[:30]) if text else say("empty"))


TERMS_TABLE = "bond_cov_comparison"
TERMS_SOURCE = mark("East Money")

TERMS_ROWS = 210
"""At least: its pages were once silently cut at 200 rows (akshare #5616)."""

TERMS_COLUMNS = ("转债代码", "转债名称", "上市日期", "转股价", "转股溢价率", "正股名称")


def read_terms(table: Table) -> dict[BondCode, BondFacts]:
    """Raises `TableRefused`."""
    check_shape(table, TERMS_COLUMNS, TERMS_ROWS)
    check_filled_ratio(table, "上市日期", 0.9)
    check_filled_ratio(table, "转股价", 0.9)
    return read_rows(table, "转债代码", lambda code, row: _terms(code, row, table.fetched_at))


def _terms(code: BondCode, row: Row, as_of: datetime) -> BondFacts:
    over, change = row.number("转股溢价率"), row.shown_ratio("正股涨跌幅")
    facts = BondFacts(
        code,
        TERMS_SOURCE,
        as_of,
        name=row.text("转债名称"),
        listed=row.day("上市日期"),
        conversion_price=row.number("转股价"),
        premium=None if over is None else over / 100,
        share=row.text("正股名称") or None,
        share_code=row.shown_text("正股代码", _SHARE_CODE),
        share_price=row.shown_number("正股最新价"),
        share_change=None if change is None else change / 100,
    )
    return replace(facts, unreadable=row.unreadable)


RATING_TABLE = "bond_zh_cov"
RATING_SOURCE = TERMS_SOURCE

RATING_ROWS = 300
"""At least: it has every bond that was ever issued, some thousand."""

_LEAST_RATED = 0.7
_RATING_COLUMNS = ("债券代码", "信用评级")


def read_ratings(table: Table) -> dict[BondCode, BondFacts]:
    """Ratings, which decide nothing. Raises `TableRefused`.

    akshare names this table's columns by position: where most cells are no ratings, they have moved. Its price of a
    bond (债现价) is 100 where there is none, and is not read.
    """
    check_shape(table, _RATING_COLUMNS, RATING_ROWS)
    found = read_rows(table, "债券代码", lambda code, row: _rating(code, row, table.fetched_at))
    rated = {code: facts for code, facts in found.items() if facts.rating}
    if len(rated) < _LEAST_RATED * len(found):
        raise TableRefused(say("{rated} of its {rows} bonds have a rating", rated=len(rated), rows=len(found)))
    return rated


def _rating(code: BondCode, row: Row, as_of: datetime) -> BondFacts:
    return BondFacts(code, RATING_SOURCE, as_of, rating=row.shown_text("信用评级", _RATING))
