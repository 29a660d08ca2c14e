"""The life of an order: accepted, reported, matched, cancelled, expired.

Every step that takes time is scheduled, so steps of different orders interleave as they would on
a real counter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from miniqmt_emulator.behaviour import CancelBehaviour, OrderBehaviour, Script
from miniqmt_emulator.books import Account, Order, OrderRequest, Trade
from miniqmt_emulator.clock import Clock, parse_day
from miniqmt_emulator.constants import (
    CANCELABLE_STATUSES,
    MATCHABLE_STATUSES,
    OrderStatus,
    Phase,
    Side,
)
from miniqmt_emulator.market import Level, Market
from miniqmt_emulator.rules import (
    COUNTER_ERROR,
    Refusal,
    cash_needed,
    commission,
    order_price,
    refusal_of,
)
from miniqmt_emulator.scheduler import Scheduler
from miniqmt_emulator.settings import Settings
from miniqmt_emulator.views import Views

FIRST_SYSID = 9001
FIRST_TRADE_ID = 770001


@dataclass(frozen=True)
class Caller:
    """Who is waiting for an answer; ``session`` is None for work done by hand in the terminal."""

    session: Any
    number: int | None = None
    seq: int = 0


class Publisher(Protocol):
    """How the broker talks to sessions; a session that has gone simply hears nothing."""

    def answer(self, caller: Caller, kind: str, value: Any) -> None: ...

    def push(self, caller: Caller, kind: str, value: Any) -> None: ...

    def broadcast(self, account_id: str, kind: str, value: Any) -> None: ...


class Broker:
    def __init__(
        self,
        market: Market,
        clock: Clock,
        scheduler: Scheduler,
        settings: Settings,
        script: Script,
        publisher: Publisher,
    ) -> None:
        self.market = market
        self.settings = settings
        self.views = Views(market, settings)
        self.accounts: dict[str, Account] = {}
        self.past_orders: list[Order] = []
        self.past_trades: list[Trade] = []
        self.requests: list[dict[str, Any]] = []
        """Every order and cancel request ever received, with what became of it."""
        self.next_order_id = settings.first_order_id
        self.next_sysid = FIRST_SYSID
        self.next_trade_id = FIRST_TRADE_ID
        self.changed = False
        self._clock = clock
        self._scheduler = scheduler
        self._script = script
        self._publisher = publisher
        market.listeners.append(self._on_quote)

    # -- orders -------------------------------------------------------------------------------

    def submit(self, caller: Caller, request: OrderRequest) -> None:
        """Take an order request; everything else happens later."""
        behaviour = self._script.take_order(request.code, request.side, request.remark)
        entry = self._log(
            caller,
            "order",
            behaviour.kind,
            account=request.account_id,
            code=request.code,
            side=request.side,
            volume=request.volume,
            price_type=request.price_type,
            price=request.price,
            strategy=request.strategy,
            remark=request.remark,
            long_remark=request.long_remark,
            order_id=None,
            error="",
        )
        delay = self.settings.delay("order") + behaviour.delay
        self._later(delay, self._receive, caller, request, behaviour, entry)

    def _receive(
        self,
        caller: Caller,
        request: OrderRequest,
        behaviour: OrderBehaviour,
        entry: dict[str, Any],
    ) -> None:
        if behaviour.kind == "no_response":
            return
        account = self.accounts.get(request.account_id)
        refusal = refusal_of(request, account, self.market, self.settings)
        if behaviour.kind == "reject_local":
            refusal = Refusal(behaviour.error_msg, local=True)
        elif behaviour.kind == "junk":
            refusal = Refusal(behaviour.error_msg)
        if refusal:
            entry["error"] = refusal.text
        if account is None or (refusal and refusal.local):
            entry["order_id"] = -1
            self._refuse(caller, request, behaviour, entry["error"])
            return
        order = self._open(caller, account, request, behaviour)
        entry["order_id"] = order.order_id
        if not refusal:
            market = self.market.instruments[order.code].market
            account.reserve(order, cash_needed(order.price, order.volume, market, self.settings))
        self._acknowledge(caller, request, account, order)
        if refusal:
            order.message = refusal.text
            order.become(OrderStatus.JUNK)
            self._push_order(account, order)
            error = self.views.order_error(request, caller.seq, order.order_id, behaviour.error_id, refusal.text)
            self._publisher.push(caller, "OrderError", error)
            return
        self._later(self.settings.delay("report"), self._report, account, order)

    def _refuse(self, caller: Caller, request: OrderRequest, behaviour: OrderBehaviour, text: str) -> None:
        error_id = behaviour.error_id
        response = self.views.order_response(request, -1, error_id, text)
        error = self.views.order_error(request, caller.seq, -1, error_id, text)
        if behaviour.error_before_response:
            self._publisher.push(caller, "OrderError", error)
            self._publisher.answer(caller, "OrderStockResp", response)
        else:
            self._publisher.answer(caller, "OrderStockResp", response)
            self._publisher.push(caller, "OrderError", error)

    def _open(self, caller: Caller, account: Account, request: OrderRequest, behaviour: OrderBehaviour) -> Order:
        now = self._clock.time()
        order = Order(
            order_id=self.next_order_id,
            account_id=account.account_id,
            day=self.market.trading_day,
            time=int(now),
            code=request.code,
            side=request.side,
            volume=request.volume,
            price_type=request.price_type,
            price=order_price(request, self.market),
            strategy=request.strategy,
            remark=request.remark,
            long_remark=request.long_remark,
            session=caller.number,
            accepted=now,
            behaviour=replace(behaviour),
        )
        self.next_order_id += 1
        account.orders[order.order_id] = order
        return order

    def _acknowledge(self, caller: Caller, request: OrderRequest, account: Account, order: Order) -> None:
        """Answer the request and push the new order, in the scripted order."""
        behaviour = order.behaviour
        if behaviour.kind == "ack_refused_but_live":
            response = self.views.order_response(request, -1, COUNTER_ERROR, behaviour.error_msg)
        else:
            response = self.views.order_response(request, order.order_id)
        if behaviour.order_push_before_response:
            self._push_order(account, order)
        if behaviour.kind != "no_ack":
            if behaviour.response_delay:
                self._later(
                    behaviour.response_delay,
                    self._publisher.answer,
                    caller,
                    "OrderStockResp",
                    response,
                )
            else:
                self._publisher.answer(caller, "OrderStockResp", response)
        if not behaviour.order_push_before_response:
            self._push_order(account, order)

    def _report(self, account: Account, order: Order) -> None:
        if order.status != OrderStatus.WAIT_REPORTING:
            return
        order.sysid = str(self.next_sysid)
        self.next_sysid += 1
        order.become(OrderStatus.REPORTED)
        self._push_order(account, order, extra=order.behaviour.dup_order_push)
        self._later(self.settings.delay("match"), self._match, account, order)

    # -- matching -----------------------------------------------------------------------------

    def _on_quote(self, code: str) -> None:
        for account in self.accounts.values():
            for order in list(account.orders.values()):
                if order.code == code and order.status in MATCHABLE_STATUSES:
                    self._match(account, order)

    def _match(self, account: Account, order: Order) -> None:
        if order.status not in MATCHABLE_STATUSES:
            return
        if self.market.phase_of(order.code) != Phase.CONTINUOUS:
            return
        for price, volume in self._fills(account, order):
            self._execute(account, order, price, volume)

    def _fills(self, account: Account, order: Order) -> list[Level]:
        """What trades now: against the book, or as scripted, at the order's own price."""
        fill = order.behaviour.fill
        if fill == "auto":
            return self.market.take(order.code, order.side, order.price, order.left)
        if fill == "full":
            return [(order.price, order.left)]
        if fill in ("half", "half_then_rest") and not order.traded:
            lot = self.market.instruments[order.code].lot
            half = min(order.left, max(lot, order.volume // 2 // lot * lot))
            if fill == "half_then_rest" and half < order.volume:
                self._later(order.behaviour.rest_delay, self._fill_rest, account, order)
            return [(order.price, half)]
        return []

    def _fill_rest(self, account: Account, order: Order) -> None:
        if order.status in MATCHABLE_STATUSES and order.left:
            self._execute(account, order, order.price, order.left)

    def _execute(self, account: Account, order: Order, price: float, volume: int) -> None:
        market = self.market.instruments[order.code].market
        total = commission(market, order.amount + price * volume, self.settings)
        fee = round(total - order.fee, 2)
        usable_today = self.settings.bought_usable_today and not self.market.instruments[order.code].sell_next_day
        account.settle(order, price, volume, fee, usable_today=usable_today)
        if order.side == Side.BUY:
            account.refreeze(order, self._still_needed(order, market))
        trade = Trade(
            trade_id=str(self.next_trade_id),
            order_id=order.order_id,
            day=order.day,
            time=int(self._clock.time()),
            price=price,
            volume=volume,
            fee=fee,
        )
        self.next_trade_id += 1
        account.trades.append(trade)
        if not order.left:
            order.become(OrderStatus.SUCCEEDED)
        elif order.status in (OrderStatus.REPORTED_CANCEL, OrderStatus.PARTSUCC_CANCEL):
            order.become(OrderStatus.PARTSUCC_CANCEL)
        else:
            order.become(OrderStatus.PART_SUCC)
        self.changed = True
        if order.behaviour.trade_before_order:
            self._push_trade(account, order, trade)
            self._push_order(account, order)
        else:
            self._push_order(account, order)
            self._push_trade(account, order, trade)
        self._push_account(account, order.code)
        if not self.settings.keep_zero_positions and not account.position(order.code).volume:
            del account.positions[order.code]

    def _still_needed(self, order: Order, market: str) -> float:
        """Cash a partly filled buy order still has to hold."""
        rest = order.price * order.left
        if not rest:
            return 0.0
        return rest + max(0.0, commission(market, order.amount + rest, self.settings) - order.fee)

    # -- cancels ------------------------------------------------------------------------------

    def cancel(self, caller: Caller, account_id: str, order_id: int, sysid: str) -> None:
        order = self._find(account_id, order_id, sysid)
        behaviour = self._script.take_cancel(order.code, order.remark) if order else CancelBehaviour()
        entry = self._log(
            caller,
            "cancel",
            behaviour.kind,
            account=account_id,
            order_id=order_id,
            sysid=sysid,
            result=None,
            error="",
        )
        delay = self.settings.delay("cancel") + behaviour.delay
        self._later(delay, self._receive_cancel, caller, account_id, order_id, sysid, behaviour, entry)

    def _receive_cancel(
        self,
        caller: Caller,
        account_id: str,
        order_id: int,
        sysid: str,
        behaviour: CancelBehaviour,
        entry: dict[str, Any],
    ) -> None:
        if behaviour.kind == "no_response":
            return
        order = self._find(account_id, order_id, sysid)
        error = ""
        if behaviour.kind == "refuse":
            error = behaviour.error_msg
        elif order is None:
            error = "[COUNTER][251020][无此委托]"
        elif order.status not in CANCELABLE_STATUSES:
            error = "[COUNTER][当前委托状态不允许撤单]"
        error_id = behaviour.error_id if error else 0
        entry["result"], entry["error"] = (-1 if error else 0), error
        if behaviour.kind != "no_ack":
            response = self.views.cancel_response(account_id, order_id, sysid, entry["result"], error_id, error)
            self._publisher.answer(caller, "CancelOrderStockResp", response)
        if error or order is None:
            push = self.views.cancel_error(account_id, order_id, sysid, error_id, error)
            self._publisher.push(caller, "CancelError", push)
            return
        if behaviour.kind == "ack_only":
            return
        account = self.accounts[account_id]
        order.become(OrderStatus.PARTSUCC_CANCEL if order.traded else OrderStatus.REPORTED_CANCEL)
        self._push_order(account, order)
        step = self._fill_rest if behaviour.kind == "fill_first" else self._cancel_done
        self._later(self.settings.delay("cancel_done"), step, account, order)

    def _cancel_done(self, account: Account, order: Order) -> None:
        if order.final:
            return
        self._end(account, order)
        self._push_order(account, order)
        self._push_account(account, order.code)

    def _end(self, account: Account, order: Order) -> None:
        account.release(order)
        order.become(OrderStatus.PART_CANCEL if order.traded else OrderStatus.CANCELED)

    def _find(self, account_id: str, order_id: int, sysid: str) -> Order | None:
        account = self.accounts.get(account_id)
        if account is None:
            return None
        if order_id in account.orders:
            return account.orders[order_id]
        return next((item for item in account.orders.values() if sysid and item.sysid == sysid), None)

    # -- the day, and after a restart -----------------------------------------------------------

    def start_day(self, day: str | None) -> str:
        """Expire what is still live and begin the next trading day, or a given one."""
        for account in self.accounts.values():
            for order in account.orders.values():
                if not order.final:
                    order.message = "日终自动撤单"
                    self._end(account, order)
                    if self.settings.expire_pushes:
                        self._push_order(account, order)
            self.past_orders += account.orders.values()
            self.past_trades += account.trades
            account.start_day()
        self.next_order_id = self.settings.first_order_id
        day = day or self.market.next_trading_day()
        self._clock.set(parse_day(day).replace(hour=9, minute=30), frozen=self._clock.frozen)
        self.market.roll_to(day)
        self.changed = True
        return day

    def resume(self) -> None:
        """Schedule the next step of every order that was on its way when the terminal ended."""
        for account in self.accounts.values():
            for order in account.orders.values():
                if order.status == OrderStatus.WAIT_REPORTING:
                    self._later(self.settings.delay("report"), self._report, account, order)
                elif order.status in (OrderStatus.REPORTED_CANCEL, OrderStatus.PARTSUCC_CANCEL):
                    self._later(self.settings.delay("cancel_done"), self._cancel_done, account, order)
                elif not order.final:
                    self._later(self.settings.delay("match"), self._match, account, order)

    # -- pushes -------------------------------------------------------------------------------

    def push_order_again(self, account: Account, order: Order) -> None:
        self._publisher.broadcast(account.account_id, "StockOrder", self.views.order(account, order))

    def push_trade_again(self, account: Account, trade: Trade) -> None:
        self._publisher.broadcast(account.account_id, "StockTrade", self.views.trade(account, trade))

    def _push_order(self, account: Account, order: Order, extra: int = 0) -> None:
        status = order.status
        if status == OrderStatus.PART_CANCEL:
            status = self.settings.pushed_part_cancel_status
        view = self.views.order(account, order, shown_status=status)
        self._push_about(order, "StockOrder", view, 1 + extra)

    def _push_trade(self, account: Account, order: Order, trade: Trade) -> None:
        view = self.views.trade(account, trade)
        self._push_about(order, "StockTrade", view, 1 + order.behaviour.dup_trade_push)

    def _push_about(self, order: Order, kind: str, view: Any, times: int) -> None:
        if not order.behaviour.pushes:
            return
        for _ in range(times):
            if order.behaviour.push_delay:
                self._later(
                    order.behaviour.push_delay,
                    self._publisher.broadcast,
                    order.account_id,
                    kind,
                    view,
                )
            else:
                self._publisher.broadcast(order.account_id, kind, view)

    def _push_account(self, account: Account, code: str) -> None:
        if self.settings.push_asset:
            self._publisher.broadcast(account.account_id, "StockAsset", self.views.asset(account))
        if self.settings.push_position and code in account.positions:
            view = self.views.position(account, account.positions[code])
            self._publisher.broadcast(account.account_id, "StockPosition", view)

    # -- plumbing -----------------------------------------------------------------------------

    def _later(self, delay: float, step: Callable[..., None], *args: Any) -> None:
        self.changed = True

        def run() -> None:
            self.changed = True
            step(*args)

        self._scheduler.at(delay, run)

    def _log(self, caller: Caller, op: str, behaviour: str, **facts: Any) -> dict[str, Any]:
        entry = {
            "op": op,
            "day": self.market.trading_day,
            "time": int(self._clock.time()),
            "session": caller.number,
            "seq": caller.seq,
            "behaviour": behaviour,
            **facts,
        }
        self.requests.append(entry)
        return entry
