"""What a test can do to the terminal: every public method is one operation of the control link."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from miniqmt_emulator import store
from miniqmt_emulator.behaviour import CallBehaviour, CancelBehaviour, OrderBehaviour
from miniqmt_emulator.books import Account, OrderRequest
from miniqmt_emulator.broker import Broker, Caller
from miniqmt_emulator.clock import parse_moment
from miniqmt_emulator.constants import Phase, PriceType
from miniqmt_emulator.market import Instrument, Market

if TYPE_CHECKING:
    from miniqmt_emulator.terminal import Terminal

BY_HAND = Caller(None)
READ_ONLY = frozenset({"dump", "settle"})

_SETTLE_POLL = 0.005


class Levers:
    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def call(self, op: str, args: dict[str, Any]) -> Any:
        if op.startswith("_") or op == "call" or not hasattr(self, op):
            raise ValueError(f"no operation {op!r}")
        return getattr(self, op)(**args)

    # -- books ----------------------------------------------------------------------------------

    def add_account(
        self,
        account_id: str,
        cash: float,
        positions: Sequence[tuple[str, int, float]] = (),
    ) -> None:
        account = Account(account_id, float(cash))
        for code, volume, cost_price in positions:
            account.set_position(code, volume, cost_price)
        self._broker.accounts[account_id] = account

    def set_cash(self, account_id: str, cash: float) -> None:
        self._account(account_id).cash = float(cash)

    def set_position(self, account_id: str, code: str, volume: int, cost_price: float) -> None:
        self._account(account_id).set_position(code, volume, cost_price)

    def set_account_status(self, account_id: str, status: int) -> None:
        account = self._account(account_id)
        account.status = status
        view = self._broker.views.account_status(account)
        self._terminal.broadcast(account_id, "UpdateAccountStatus", view)

    def list_type(self, account_id: str, account_type: int, status: int) -> None:
        account = self._account(account_id)
        account.other_types[str(account_type)] = status
        for view in self._broker.views.account_statuses(account)[:-1]:
            self._terminal.broadcast(account_id, "UpdateAccountStatus", view)

    def manual_order(self, account_id: str, code: str, side: int, volume: int, price: float, remark: str = "") -> None:
        request = OrderRequest(
            account_id=account_id,
            account_type=self._account(account_id).account_type,
            code=code,
            side=side,
            volume=volume,
            price_type=PriceType.FIX_PRICE,
            price=price,
            remark=remark,
        )
        self._broker.submit(BY_HAND, request)

    def manual_cancel(self, account_id: str, order_id: int) -> None:
        self._broker.cancel(BY_HAND, account_id, order_id, "")

    def replay_pushes(self, account_id: str, times: int = 1) -> None:
        account = self._account(account_id)
        for _ in range(times):
            for order in account.orders.values():
                self._broker.push_order_again(account, order)
            for trade in account.trades:
                self._broker.push_trade_again(account, trade)

    def chatter(self, text: str) -> None:
        self._terminal.chatter(text)

    # -- market ---------------------------------------------------------------------------------

    def add_instrument(self, **fields: Any) -> None:
        self._market.add(Instrument(**fields))

    def set_quote(self, code: str, **quote: Any) -> None:
        self._known(code)
        self._market.set_quote(code, **quote)

    def suspend(self, code: str, phase: int = Phase.SUSPENDED) -> None:
        self._known(code)
        self._market.halt(code, phase)

    def resume(self, code: str) -> None:
        self._known(code)
        self._market.resume(code)

    def hide_tick(self, code: str, hidden: bool = True) -> None:
        self._known(code)
        self._market.quotes[code].hidden = hidden

    def set_phase(self, phase: int) -> None:
        self._market.set_phase(phase)

    # -- scripted reactions -----------------------------------------------------------------------

    def next_order(self, **behaviour: Any) -> None:
        self._terminal.script.orders.append(OrderBehaviour(**behaviour))

    def next_cancel(self, **behaviour: Any) -> None:
        self._terminal.script.cancels.append(CancelBehaviour(**behaviour))

    def next_call(self, **behaviour: Any) -> None:
        self._terminal.script.calls.append(CallBehaviour(**behaviour))

    def clear_script(self) -> None:
        self._terminal.script.clear()

    def configure(self, **settings: Any) -> None:
        self._terminal.settings.update(**settings)
        if "first_order_id" in settings:
            self._broker.next_order_id = self._terminal.settings.first_order_id

    # -- links ----------------------------------------------------------------------------------

    def drop_link(self, which: str = "all", noticed_after: float = 0.0) -> None:
        trade, quote = self._which(which)
        if trade:
            self._terminal.trade_link_up = False
            self._terminal.drop_sessions(noticed_after)
        if quote:
            self._terminal.quote_link_up = False
            self._terminal.drop_quotes(noticed_after)

    def restore_link(self, which: str = "all") -> None:
        trade, quote = self._which(which)
        self._terminal.trade_link_up |= trade
        self._terminal.quote_link_up |= quote

    def drop_session(self, session: int, noticed_after: float = 0.0) -> None:
        self._terminal.drop_session(session, noticed_after)

    # -- time -----------------------------------------------------------------------------------

    def set_clock(self, moment: str, frozen: bool = False) -> None:
        self._terminal.clock.set(parse_moment(moment), frozen=frozen)

    def advance_day(self, day: str | None = None) -> str:
        return self._broker.start_day(day)

    def hurry(self) -> None:
        self._terminal.scheduler.hurry()

    async def settle(self, timeout: float = 2.0) -> bool:
        """Wait until nothing is under way in the terminal; False when that takes too long."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while self._terminal.scheduler.pending:
            if loop.time() >= deadline:
                return False
            await asyncio.sleep(_SETTLE_POLL)
        return True

    # -- looking --------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        script = self._terminal.script
        return store.dump(self._terminal) | {
            "sessions": self._terminal.sessions(),
            "trade_link_up": self._terminal.trade_link_up,
            "quote_link_up": self._terminal.quote_link_up,
            "pending": self._terminal.scheduler.pending,
            "calls": dict(self._terminal.calls),
            "script": {
                "orders": [vars(item) for item in script.orders],
                "cancels": [vars(item) for item in script.cancels],
                "calls": [vars(item) for item in script.calls],
            },
        }

    def reset(self, scenario: dict[str, Any] | None = None) -> None:
        self._terminal.reset(scenario or {})

    # -- helpers ----------------------------------------------------------------------------------

    @property
    def _market(self) -> Market:
        return self._terminal.market

    @property
    def _broker(self) -> Broker:
        return self._terminal.broker

    def _account(self, account_id: str) -> Account:
        if account_id not in self._broker.accounts:
            raise ValueError(f"no account {account_id!r}")
        return self._broker.accounts[account_id]

    def _known(self, code: str) -> None:
        if code not in self._market.instruments:
            raise ValueError(f"no instrument {code!r}")

    @staticmethod
    def _which(which: str) -> tuple[bool, bool]:
        if which not in ("trade", "quote", "all"):
            raise ValueError(f"which must be trade, quote or all, not {which!r}")
        return which in ("trade", "all"), which in ("quote", "all")
