"""What the counter checks before it reports an order to the exchange."""

from __future__ import annotations

from dataclasses import dataclass

from miniqmt_emulator.books import Account, OrderRequest, money
from miniqmt_emulator.constants import AccountStatus, Phase, PriceType, Side
from miniqmt_emulator.market import Instrument, Market
from miniqmt_emulator.settings import Settings

COUNTER_ERROR = -61


@dataclass(frozen=True)
class Refusal:
    text: str
    local: bool = False
    """Refused by the terminal (-1) instead of by the counter (status 57)."""


def commission(market: str, amount: float, settings: Settings) -> float:
    """Commission of one order that traded for ``amount`` in all."""
    if not amount:
        return 0.0
    rate = settings.fee_rate.get(market, 0.0)
    return round(max(settings.min_fee.get(market, 0.0), rate * amount), 2)


def cash_needed(request_price: float, volume: int, market: str, settings: Settings) -> float:
    """Cash a buy order freezes: its value at the limit price and the commission on that."""
    value = money(request_price * volume)
    return money(value + commission(market, value, settings))


def order_price(request: OrderRequest, market: Market) -> float:
    if request.price_type == PriceType.LATEST_PRICE:
        return market.price(request.code)
    return round(request.price, 6)


def refusal_of(request: OrderRequest, account: Account | None, market: Market, settings: Settings) -> Refusal | None:
    """Why an order is not accepted, or None."""
    instrument = market.instruments.get(request.code)
    if account is None:
        return Refusal("账号不存在", local=True)
    if account.status != AccountStatus.OK:
        return Refusal("账号未登录", local=True)
    if instrument is None:
        return Refusal("合约不存在", local=True)
    return (
        _bad_kind(request)
        or _not_trading(request, market, settings)
        or _bad_volume(request, account, instrument, settings)
        or _bad_price(request, instrument, market)
        or _shortage(request, account, instrument, market, settings)
    )


def _bad_kind(request: OrderRequest) -> Refusal | None:
    if request.side not in (Side.BUY, Side.SELL):
        return Refusal("[COUNTER][不支持的委托类型]")
    if request.price_type not in (PriceType.FIX_PRICE, PriceType.LATEST_PRICE):
        return Refusal("[COUNTER][可转债不支持市价委托]")
    return None


def _not_trading(request: OrderRequest, market: Market, settings: Settings) -> Refusal | None:
    phase = market.phase_of(request.code)
    if phase in (Phase.SUSPENDED, Phase.HALTED_TO_CLOSE):
        return Refusal("[COUNTER][证券停牌,不允许委托]")
    if phase in (Phase.TEMPORARY_HALT, Phase.VOLATILITY_HALT):
        return None if settings.halted_orders == "rest" else Refusal("[COUNTER][证券临时停牌,不允许委托]")
    if phase in (Phase.CONTINUOUS, Phase.OPENING_AUCTION, Phase.CLOSING_AUCTION, Phase.BREAK):
        return None
    return Refusal("[COUNTER][非交易时间,不允许委托]")


def _bad_volume(request: OrderRequest, account: Account, instrument: Instrument, settings: Settings) -> Refusal | None:
    volume, lot = request.volume, instrument.lot
    if volume <= 0 or volume > settings.max_order_volume:
        return Refusal("[COUNTER][委托数量不合法]")
    odd = volume % lot
    if odd and request.side == Side.BUY:
        return Refusal(f"[COUNTER][买入数量必须是{lot}的整数倍]")
    if odd and odd != account.usable(request.code) % lot:
        return Refusal("[COUNTER][零股必须一次性卖出]")
    return None


def _bad_price(request: OrderRequest, instrument: Instrument, market: Market) -> Refusal | None:
    price = order_price(request, market)
    if price <= 0:
        return Refusal("[COUNTER][委托价格不合法]")
    if not instrument.on_tick(price):
        return Refusal("[COUNTER][委托价格不符合最小变动价位]")
    if not instrument.lower_limit - 1e-9 <= price <= instrument.upper_limit + 1e-9:
        return Refusal("[COUNTER][委托价格超出涨跌幅限制]")
    return None


def _shortage(
    request: OrderRequest,
    account: Account,
    instrument: Instrument,
    market: Market,
    settings: Settings,
) -> Refusal | None:
    local = settings.shortage_reject == "local"
    if request.side == Side.SELL:
        if request.volume > account.usable(request.code):
            return Refusal("[COUNTER][251005][证券可用数量不足]", local)
        return None
    price = order_price(request, market)
    if cash_needed(price, request.volume, instrument.market, settings) > account.cash + 1e-6:
        return Refusal("[COUNTER][260200][可用资金不足]", local)
    return None
