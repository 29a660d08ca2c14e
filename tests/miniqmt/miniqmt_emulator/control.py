"""Control a running terminal from a test."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from miniqmt_emulator.constants import Phase
from miniqmt_emulator.protocol import LineSocket, read_port

_CONNECT_TIMEOUT = 3.0
_REQUEST_TIMEOUT = 30.0
_POLL = 0.005

Record = dict[str, Any]


class ControlError(Exception):
    """The terminal refused an operation, or has gone."""


class Control:
    """The control link; one object per thread."""

    def __init__(self, userdata: str | os.PathLike[str]) -> None:
        port = read_port(userdata)
        if port is None:
            raise ControlError(f"no terminal serves {os.fspath(userdata)}")
        self._link = LineSocket(port, _CONNECT_TIMEOUT)
        self._ids = itertools.count(1)
        self._link.send({"role": "control"})
        self._link.receive(_CONNECT_TIMEOUT)

    def call(self, op: str, /, **args: Any) -> Any:
        """Any operation by name; the methods below are the same with checked arguments."""
        number = next(self._ids)
        try:
            self._link.send({"op": op, "id": number, "args": args})
            reply = self._link.receive(_REQUEST_TIMEOUT)
        except OSError as error:
            raise ControlError(f"{op}: {error}") from error
        if reply is None:
            raise ControlError(f"{op}: the terminal has gone")
        if "error" in reply:
            raise ControlError(f"{op}: {reply['error']}")
        return reply["value"]

    def close(self) -> None:
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- books ----------------------------------------------------------------------------------

    def add_account(self, account_id: str, cash: float, positions: Sequence[tuple[str, int, float]] = ()) -> None:
        """A new account; positions are (code, bonds, cost price), held since yesterday."""
        self.call("add_account", account_id=account_id, cash=cash, positions=positions)

    def set_cash(self, account_id: str, cash: float) -> None:
        self.call("set_cash", account_id=account_id, cash=cash)

    def set_position(self, account_id: str, code: str, volume: int, cost_price: float) -> None:
        self.call("set_position", account_id=account_id, code=code, volume=volume, cost_price=cost_price)

    def set_account_status(self, account_id: str, status: int) -> None:
        """Push a new account status; orders are refused (-1) unless it is 0."""
        self.call("set_account_status", account_id=account_id, status=status)

    def list_type(self, account_id: str, account_type: int, status: int) -> None:
        """List an account of another type under the same number, and push its status."""
        self.call("list_type", account_id=account_id, account_type=account_type, status=status)

    def manual_order(self, account_id: str, code: str, side: int, volume: int, price: float, remark: str = "") -> None:
        """An order placed by hand in the terminal."""
        self.call(
            "manual_order",
            account_id=account_id,
            code=code,
            side=side,
            volume=volume,
            price=price,
            remark=remark,
        )

    def manual_cancel(self, account_id: str, order_id: int) -> None:
        self.call("manual_cancel", account_id=account_id, order_id=order_id)

    def replay_pushes(self, account_id: str, times: int = 1) -> None:
        """Push today's orders and trades once more."""
        self.call("replay_pushes", account_id=account_id, times=times)

    def chatter(self, text: str) -> None:
        """Have the native layer of each connected trade client print a line, as its real logger does.

        It goes straight to file descriptors 1 and 2 of the client's process, where nothing that a
        program does to ``sys.stdout`` or ``sys.stderr`` can hold it back.
        """
        self.call("chatter", text=text)

    # -- market ---------------------------------------------------------------------------------

    def add_instrument(self, code: str, **fields: Any) -> None:
        """A new security; fields as in ``market.Instrument``."""
        self.call("add_instrument", code=code, **fields)

    def set_quote(
        self,
        code: str,
        last: float | None = None,
        *,
        bids: Sequence[tuple[float, int]] | None = None,
        asks: Sequence[tuple[float, int]] | None = None,
        spread: float | None = None,
        depth: int | None = None,
        volume_add: int | None = None,
    ) -> None:
        """A new quote; volumes are in bonds.  A book is made up where bids or asks are missing."""
        given = {
            "last": last,
            "bids": bids,
            "asks": asks,
            "spread": spread,
            "depth": depth,
            "volume_add": volume_add,
        }
        self.call(
            "set_quote",
            code=code,
            **{name: item for name, item in given.items() if item is not None},
        )

    def suspend(self, code: str, phase: int = Phase.SUSPENDED) -> None:
        """Suspend a security (phase 1), or halt it for a while (phase 17)."""
        self.call("suspend", code=code, phase=phase)

    def resume(self, code: str) -> None:
        self.call("resume", code=code)

    def hide_tick(self, code: str, hidden: bool = True) -> None:
        """Take the tick out of the terminal's cache, until the next quote."""
        self.call("hide_tick", code=code, hidden=hidden)

    def set_phase(self, phase: int) -> None:
        """Trading state of the whole market: 12 auction, 13 trading, 14 break, 15 closed."""
        self.call("set_phase", phase=phase)

    # -- scripted reactions -----------------------------------------------------------------------

    def next_order(self, kind: str = "normal", **behaviour: Any) -> None:
        """Script the next order; see ``behaviour.OrderBehaviour``."""
        self.call("next_order", kind=kind, **behaviour)

    def next_cancel(self, kind: str = "normal", **behaviour: Any) -> None:
        """Script the next cancel; see ``behaviour.CancelBehaviour``."""
        self.call("next_cancel", kind=kind, **behaviour)

    def next_call(self, op: str, mode: str, **behaviour: Any) -> None:
        """Script the next call of another kind; see ``behaviour.CallBehaviour``."""
        self.call("next_call", op=op, mode=mode, **behaviour)

    def clear_script(self) -> None:
        self.call("clear_script")

    def configure(self, **settings: Any) -> None:
        """Change ``settings.Settings``; dictionaries are merged."""
        self.call("configure", **settings)

    # -- links ----------------------------------------------------------------------------------

    def drop_link(self, which: str = "all", noticed_after: float = 0.0) -> None:
        """Disconnect "trade", "quote" or "all" clients and refuse new ones until ``restore_link``.

        Until ``noticed_after`` seconds have passed they still believe to be connected, and what
        they send is lost.
        """
        self.call("drop_link", which=which, noticed_after=noticed_after)

    def restore_link(self, which: str = "all") -> None:
        self.call("restore_link", which=which)

    def drop_session(self, session: int, noticed_after: float = 0.0) -> None:
        """Disconnect one trade session; others, and new connections, are not affected."""
        self.call("drop_session", session=session, noticed_after=noticed_after)

    # -- time -----------------------------------------------------------------------------------

    def set_clock(self, moment: str, frozen: bool = False) -> None:
        """Set the terminal's clock, in China time: "2025-08-07 14:50:00"."""
        self.call("set_clock", moment=moment, frozen=frozen)

    def advance_day(self, day: str | None = None) -> str:
        """Expire live orders and start the next trading day; returns it as YYYYMMDD."""
        started: str = self.call("advance_day", day=day)
        return started

    def hurry(self) -> None:
        """Let everything the terminal is waiting to do happen now, whatever its delay.

        With a delay of an hour and this call, a test decides when a late answer, push or order
        comes, and needs no sleep.
        """
        self.call("hurry")

    def settle(self, timeout: float = 2.0) -> bool:
        """Wait until the terminal has nothing under way."""
        settled: bool = self.call("settle", timeout=timeout)
        return settled

    def reset(self, scenario: Record | None = None) -> None:
        """Disconnect all sessions, forget everything, and start from this scenario."""
        self.call("reset", scenario=scenario)

    # -- looking --------------------------------------------------------------------------------

    def dump(self) -> Record:
        """Everything the terminal knows."""
        document: Record = self.call("dump")
        return document

    def requests(self, op: str = "order", **facts: Any) -> list[Record]:
        """Order (or cancel) requests ever received, those lost or refused included."""
        return _matching([item for item in self.dump()["requests"] if item["op"] == op], facts)

    def orders(self, **facts: Any) -> list[Record]:
        """Orders of today that have these attributes, oldest first."""
        accounts = self.dump()["accounts"]
        return _matching([order for account in accounts for order in account["orders"]], facts)

    def account(self, account_id: str) -> Record:
        found = _matching(self.dump()["accounts"], {"account_id": account_id})
        if not found:
            raise ControlError(f"no account {account_id!r}")
        return found[0]

    def position(self, account_id: str, code: str) -> Record | None:
        return next((item for item in self.account(account_id)["positions"] if item["code"] == code), None)

    def wait_for(self, condition: Callable[[], Any], timeout: float = 10.0) -> Any:
        """Poll until the condition is true and return its value."""
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise ControlError(f"still waiting after {timeout} s")
            time.sleep(_POLL)
        return value

    def wait_order(self, timeout: float = 10.0, **facts: Any) -> Record:
        """Wait for an order with these attributes, e.g. ``remark="r1", status=56``."""
        orders: list[Record] = self.wait_for(lambda: self.orders(**facts), timeout)
        return orders[-1]


def _matching(records: list[Record], facts: Record) -> list[Record]:
    return [item for item in records if all(item[name] == value for name, value in facts.items())]
