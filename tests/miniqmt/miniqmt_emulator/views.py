"""Books as native objects, in wire form."""

from __future__ import annotations

from typing import Any

from miniqmt_emulator.books import Account, Order, OrderRequest, Position, Trade, money
from miniqmt_emulator.constants import SHOWN_LIMIT_PRICE, SHOWN_MARKET_PRICE, PriceType, Side
from miniqmt_emulator.market import Market
from miniqmt_emulator.settings import Settings

Wire = dict[str, Any]

_STATUS_MSG_BYTES = 23
_OFFSET: dict[int, int] = {Side.BUY: 48, Side.SELL: 49}


def native(class_name: str, **fields: Any) -> Wire:
    return {"class": class_name, "fields": fields}


class Views:
    def __init__(self, market: Market, settings: Settings) -> None:
        self._market = market
        self._settings = settings

    def _native(self, class_name: str, **fields: Any) -> Wire:
        """A row, with what `settings.distort` shows in it."""
        changes = dict(self._settings.distort.get(class_name, {}))
        only = changes.pop("only", {})
        fits = all(fields.get(name) == value for name, value in only.items())
        return native(class_name, **(fields | changes if fits else fields))

    def asset(self, account: Account) -> Wire:
        value = money(sum(item.volume * self._market.price(item.code) for item in account.positions.values()))
        return self._native(
            "XtAsset",
            m_nAccountType=account.account_type,
            m_strAccountID=account.account_id,
            m_dCash=account.cash,
            m_dFrozenCash=account.frozen_cash,
            m_dMarketValue=value,
            m_dTotalAsset=money(account.cash + account.frozen_cash + value),
            m_dFetchBalance=account.cash,
            m_dCurrentBalance=money(account.cash + account.frozen_cash),
        )

    def position(self, account: Account, item: Position) -> Wire:
        last = self._market.price(item.code)
        average = item.average_price
        return self._native(
            "XtPosition",
            m_nAccountType=account.account_type,
            m_strAccountID=account.account_id,
            m_strStockCode=item.code,
            m_nVolume=item.volume,
            m_nCanUseVolume=item.usable,
            m_dOpenPrice=average,
            m_dMarketValue=money(item.volume * last),
            m_nFrozenVolume=item.frozen,
            m_nOnRoadVolume=0,
            m_nYesterdayVolume=item.yesterday,
            m_dAvgPrice=average,
            m_dFloatProfit=money(item.volume * (last - average)),
            last_price=last,
            profit_rate=last / average - 1 if average else 0.0,
            instrument_name=self._name(item.code),
        )

    def positions(self, account: Account, item: Position) -> list[Wire]:
        """One row, or one per shareholder account; what was sold went from the first ones."""
        shares = self._settings.shareholder_accounts.get(item.code)
        if not shares:
            return [self.position(account, item)]
        rows, left = [], item.volume
        for share in reversed(shares):
            row, volume = self.position(account, item), min(share, left)
            row["fields"] |= {"m_nVolume": volume, "m_nCanUseVolume": min(volume, item.usable)}
            rows.append(row)
            left -= volume
        return rows

    def order(self, account: Account, order: Order, *, shown_status: int | None = None) -> Wire:
        limited = order.price_type in (PriceType.FIX_PRICE, PriceType.LATEST_PRICE)
        wire = self._native(
            "XtOrder",
            m_nAccountType=account.account_type,
            m_strAccountID=account.account_id,
            m_strStockCode=order.code,
            m_nOrderID=order.order_id,
            m_nOrderTime=order.time,
            m_nOrderType=order.side,
            m_nOrderVolume=order.volume,
            m_nPriceType=SHOWN_LIMIT_PRICE if limited else SHOWN_MARKET_PRICE,
            m_dPrice=order.price,
            m_nTradedVolume=order.traded,
            m_dTradedPrice=order.average_price,
            m_nOrderStatus=order.status if shown_status is None else shown_status,
            m_strOrderSysID=order.sysid,
            m_strStatusMsg=self._status_msg(order.message),
            m_strStrategyName=order.strategy,
            m_strOrderRemark=order.remark,
            m_nDirection=0,
            m_nOffsetFlag=_OFFSET.get(order.side, 0),
            instrument_name=self._name(order.code),
        )
        return self._with_long_remark(wire, order)

    def trade(self, account: Account, trade: Trade) -> Wire:
        order = account.orders[trade.order_id]
        wire = self._native(
            "XtTrade",
            m_nAccountType=account.account_type,
            m_strAccountID=account.account_id,
            m_strStockCode=order.code,
            m_strTradedID=trade.trade_id,
            m_nTradedTime=trade.time,
            m_dTradedPrice=trade.price,
            m_nTradedVolume=trade.volume,
            m_dTradedAmount=money(trade.price * trade.volume),
            m_nOrderID=order.order_id,
            m_nOrderType=order.side,
            m_strOrderSysID=order.sysid,
            m_strStrategyName=order.strategy,
            m_strOrderRemark=order.remark,
            m_nOffsetFlag=_OFFSET.get(order.side, 0),
            m_dCommission=trade.fee,
            m_strInstrumentName=self._name(order.code),
        )
        return self._with_long_remark(wire, order)

    def account_info(self, account: Account) -> Wire:
        return self._native(
            "XtAccountInfo",
            m_nAccountType=account.account_type,
            m_strAccountID=account.account_id,
            m_nBrokerType=account.account_type,
            m_nStatus=account.status,
        )

    def account_status(self, account: Account) -> Wire:
        return self._status(account, account.account_type, account.status)

    def account_statuses(self, account: Account) -> list[Wire]:
        """The statuses of all types under the account's number, its own last."""
        others = [self._status(account, int(kind), status) for kind, status in account.other_types.items()]
        return [*others, self.account_status(account)]

    def _status(self, account: Account, account_type: int, status: int) -> Wire:
        return self._native(
            "XtAccountStatus",
            m_nAccountType=account_type,
            m_strAccountID=account.account_id,
            m_nStatus=status,
        )

    def order_response(self, request: OrderRequest, order_id: int, error_id: int = 0, error_msg: str = "") -> Wire:
        return native(
            "OrderStockResp",
            m_nAccountType=request.account_type,
            m_strAccountID=request.account_id,
            m_nOrderID=order_id,
            m_strStrategyName=request.strategy,
            m_strOrderRemark=request.remark,
            m_nErrorID=error_id,
            m_strErrorMsg=error_msg,
        )

    def order_error(self, request: OrderRequest, seq: int, order_id: int, error_id: int, error_msg: str) -> Wire:
        return native(
            "XtOrderError",
            m_nAccountType=request.account_type,
            m_strAccountID=request.account_id,
            m_nOrderID=order_id,
            m_nErrorID=error_id,
            m_strErrorMsg=error_msg,
            m_strStrategyName=request.strategy,
            m_strOrderRemark=request.remark,
            m_nSeq=seq,
        )

    def cancel_response(
        self, account_id: str, order_id: int, sysid: str, result: int, error_id: int, error_msg: str
    ) -> Wire:
        return native(
            "CancelOrderStockResp",
            m_strAccountID=account_id,
            m_nCancelResult=result,
            m_nOrderID=order_id,
            m_strOrderSysID=sysid,
            m_nErrorID=error_id,
            m_strErrorMsg=error_msg,
        )

    def cancel_error(self, account_id: str, order_id: int, sysid: str, error_id: int, error_msg: str) -> Wire:
        return native(
            "XtCancelError",
            m_strAccountID=account_id,
            m_nOrderID=order_id,
            m_nErrorID=error_id,
            m_strOrderSysID=sysid,
            m_strErrorMsg=error_msg,
        )

    def _name(self, code: str) -> str:
        instrument = self._market.instruments.get(code)
        return instrument.name if instrument else ""

    def _status_msg(self, text: str) -> str:
        """The native buffer cuts at a byte; a terminal may be kinder and cut at a character."""
        if self._settings.status_msg_cut == "byte":
            return text
        return text.encode()[:_STATUS_MSG_BYTES].decode("utf-8", "ignore")

    def _with_long_remark(self, wire: Wire, order: Order) -> Wire:
        if self._settings.long_remark and order.long_remark:
            wire["long"] = {"order_remark": order.long_remark}
        return wire
