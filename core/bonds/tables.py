"""The table of calls and last days (强赎): akshare's `bond_cb_redeem_jsl`, read with its traps.

What akshare 1.19.5 makes of jisilu's rows, seen on recorded ones: a bond that matures is shown as called, its count is
HTML, its redemption price empty; an icon that it does not know becomes no state at all, which is not the state of a
bond without a call.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from core.akshare.cells import by_bond, check_filled, day, number, plain
from core.akshare.client import Table, TableRefused, check_shape
from core.i18n import say
from core.model.bond import BondCode
from core.model.bond_info import BondFacts, RedemptionState

REDEMPTION_TABLE = "bond_cb_redeem_jsl"
REDEMPTION_SOURCE = "jisilu"

REDEMPTION_ROWS = 200
"""Rows: some 300 bonds live (337 in May 2026); a guest's table of other lists has 30."""

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
_COUNT = re.compile(r"(\d{1,3})\s*/\s*(\d{1,3})\s*\|")
_HUNDRED_MILLION = 10**8

_MOST_UNREADABLE = 0.05
"""Share of states that may be unreadable before the table counts as another one than the one that is known."""


def read_redemptions(table: Table) -> dict[BondCode, BondFacts]:
    """What the table tells of each bond. Raises `TableRefused`: one cell that cannot be read refuses it whole."""
    check_shape(table, REDEMPTION_COLUMNS, REDEMPTION_ROWS)
    check_filled(table, "到期日", 0.95)
    check_filled(table, "转股价", 0.9)
    found = {code: _facts(code, row, table) for code, row in by_bond(table, "代码")}
    unreadable = sum(facts.call is RedemptionState.UNREADABLE for facts in found.values())
    if unreadable > _MOST_UNREADABLE * len(found):
        raise TableRefused(say("the state of {unreadable} bonds cannot be read", unreadable=unreadable))
    return found


def _facts(code: BondCode, cells: Mapping[str, str | None], table: Table) -> BondFacts:
    last_trade, maturity = day(cells["最后交易日"], "最后交易日"), day(cells["到期日"], "到期日")
    if last_trade is not None and maturity is not None and last_trade > maturity:
        raise TableRefused(say("{code} trades until {last_trade} and matures before", code=code, last_trade=last_trade))
    price, balance = number(cells["强赎价"], "强赎价"), number(cells["剩余规模"], "剩余规模")
    count = plain(cells["强赎天计数"])
    counted = _COUNT.search(count)
    return BondFacts(
        code,
        REDEMPTION_SOURCE,
        table.fetched_at,
        name=plain(cells["名称"]),
        call=_call(cells["强赎状态"], count, price),
        counted=(int(counted[1]), int(counted[2])) if counted else None,
        last_trade=last_trade,
        maturity=maturity,
        converts_from=day(cells["转股起始日"], "转股起始日"),
        redemption_price=price,
        conversion_price=number(cells["转股价"], "转股价"),
        balance=None if balance is None else balance * _HUNDRED_MILLION,
        share=plain(cells["正股名称"]) or None,
    )


def _call(state: str | None, count: str, price: Decimal | None) -> RedemptionState:
    if state is None:
        return RedemptionState.UNREADABLE
    found = _STATES.get(state.strip(), RedemptionState.UNREADABLE)
    if found is RedemptionState.CALLED and price is None and _NEAR_MATURITY in count:
        return RedemptionState.MATURING
    return found


TERMS_TABLE = "bond_cov_comparison"
TERMS_SOURCE = "East Money"

TERMS_ROWS = 210
"""Rows; its pages were once cut at 200 rows without a word (akshare #5616)."""

TERMS_COLUMNS = ("转债代码", "转债名称", "上市日期", "转股价", "转股溢价率", "正股名称")


def read_terms(table: Table) -> dict[BondCode, BondFacts]:
    """What the table tells of each bond. Raises `TableRefused`."""
    check_shape(table, TERMS_COLUMNS, TERMS_ROWS)
    check_filled(table, "上市日期", 0.9)
    check_filled(table, "转股价", 0.9)
    found: dict[BondCode, BondFacts] = {}
    for code, row in by_bond(table, "转债代码"):
        premium = number(row["转股溢价率"], "转股溢价率")
        found[code] = BondFacts(
            code,
            TERMS_SOURCE,
            table.fetched_at,
            name=plain(row["转债名称"]),
            listed=day(row["上市日期"], "上市日期"),
            conversion_price=number(row["转股价"], "转股价"),
            premium=None if premium is None else premium / 100,
            share=plain(row["正股名称"]) or None,
        )
    return found
