"""What the tables and prices say of the bonds of `samples`: one with a live premium, one called, one of which nothing
is known."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from core.model.bond import BondCode
from core.model.bond_info import BondDetail, BondFacts, BondInfo, SourcePrice
from core.model.bond_metrics import BondMetrics, SharePrice
from core.model.command import ShowBond
from core.model.known import Known
from core.model.quote import Quote, TradingState
from core.model.redemption import RedemptionState
from core.rules.valuation import figures, terms

_ROWS = (
    # rating, size in CNY 100m, share, its price, its change, conversion price, days counted, matures
    ("AAA", "499.98", "601166", "兴业银行", "18.62", "0.0124", "21.47", (0, 15), date(2027, 12, 27)),
    ("AA+", "48.21", "000708", "中信特钢", "12.05", "-0.0041", "11.60", (9, 15), date(2028, 2, 25)),
    ("AAA", "410.10", "600000", "浦发银行", "9.07", "0.0011", "12.92", (0, 15), date(2025, 10, 28)),
    ("AA+", "76.42", "300498", "温氏股份", "17.30", "-0.0215", "17.13", (12, 15), date(2027, 3, 29)),
    ("AA+", "28.90", "002475", "立讯精密", "33.10", "0.0330", "57.22", (2, 15), date(2026, 11, 3)),
    None,
    ("AA+", "95.53", "002714", "牧原股份", "41.18", "0.0060", "47.05", (15, 15), date(2027, 8, 16)),
    ("AAA", "120.00", "601009", "南京银行", "11.02", "0.0000", "8.22", (17, 15), date(2027, 6, 15)),
)
_CALLED, _TABLE_ONLY = 7, 4


def bond_info(number: int, code: BondCode, name: str, now: datetime) -> BondInfo:
    row = _ROWS[number]
    if row is None:
        return BondInfo(code, (), "it is not in jisilu's table of 2026-05-06 13:02")
    rating, size, share_code, share, price, change, conversion, counted, matures = row
    fetched = now.replace(hour=13, minute=2, second=0)
    calls = BondFacts(
        code,
        "jisilu",
        fetched,
        name=name,
        call=RedemptionState.CALLED if number == _CALLED else RedemptionState.NONE,
        counted=counted,
        maturity=matures,
        conversion_price=Decimal(conversion),
        balance=Decimal(size) * 10**8,
        share=share,
        share_code=share_code,
        share_price=Decimal(price),
        premium=Decimal("0.2141"),
        last_trade=date(2026, 5, 12) if number == _CALLED else None,
    )
    rated = BondFacts(code, "East Money", fetched.replace(hour=9), rating=rating, share_change=Decimal(change))
    return BondInfo(code, (calls, rated))


def bond_metrics(number: int, code: BondCode, name: str, last: Decimal, now: datetime) -> BondMetrics:
    info, row = bond_info(number, code, name, now), _ROWS[number]
    if row is None:
        return BondMetrics(terms(info), figures(info, None, None))
    share = SharePrice(Decimal(row[4]), Decimal(row[5]), "Tencent", now - timedelta(seconds=6))
    quote = Quote(code, name, last, now, "QMT")
    return BondMetrics(terms(info), figures(info, quote, None if number == _TABLE_ONLY else share))


def bond_detail(command: ShowBond, number: int, name: str, last: Decimal, now: datetime) -> BondDetail:
    code = BondCode(command.code)
    quote = Quote(
        *(code, name, last, now - timedelta(seconds=2), "QMT", TradingState.CONTINUOUS, last - Decimal("0.310")),
        bid=last - Decimal("0.010"),
        ask=last + Decimal("0.011"),
        bid_volume=320,
        ask_volume=180,
        limit_up=(last * Decimal("1.2")).quantize(Decimal("0.001")),
        limit_down=(last * Decimal("0.8")).quantize(Decimal("0.001")),
        volume=182_340,
    )
    info, metrics = bond_info(number, code, name, now), bond_metrics(number, code, name, last, now)
    return BondDetail(code, name, (SourcePrice("QMT", True, Known(quote)),), info, "", "", metrics)
