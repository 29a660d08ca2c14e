"""The table of all convertible bonds that live: akshare's `bond_cov_comparison` (East Money), for names and terms.

It has prices too, without a time, a volume or a book: nothing that an order could be priced by.
"""

from core.akshare.cells import by_bond, check_filled, day, number, plain
from core.akshare.client import Table, check_shape
from core.model.bond import BondCode
from core.model.bond_info import BondFacts

TABLE = "bond_cov_comparison"
SOURCE = "East Money"

FLOOR = 210
"""Rows; its pages were once cut at 200 rows without a word (akshare #5616)."""

COLUMNS = ("转债代码", "转债名称", "上市日期", "转股价", "转股溢价率", "正股名称")


def read_terms(table: Table) -> dict[BondCode, BondFacts]:
    """What the table tells of each bond. Raises `TableRefused`."""
    check_shape(table, COLUMNS, FLOOR)
    check_filled(table, "上市日期", 0.9)
    check_filled(table, "转股价", 0.9)
    found: dict[BondCode, BondFacts] = {}
    for code, row in by_bond(table, "转债代码"):
        premium = number(row["转股溢价率"], "转股溢价率")
        found[code] = BondFacts(
            code,
            SOURCE,
            table.fetched_at,
            name=plain(row["转债名称"]),
            listed=day(row["上市日期"], "上市日期"),
            conversion_price=number(row["转股价"], "转股价"),
            premium=None if premium is None else premium / 100,
            share=plain(row["正股名称"]) or None,
        )
    return found
