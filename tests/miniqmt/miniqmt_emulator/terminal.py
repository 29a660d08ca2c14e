"""The terminal process: one asyncio loop that owns the market, the broker and all connections.

Nothing is told to a client before it has been written to the state file, so a terminal that is
killed and started again remembers everything it ever answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from miniqmt_emulator import store
from miniqmt_emulator.behaviour import CallBehaviour, Script
from miniqmt_emulator.books import Account, Order, OrderRequest
from miniqmt_emulator.broker import Broker, Caller
from miniqmt_emulator.clock import Clock
from miniqmt_emulator.constants import CANCELABLE_STATUSES
from miniqmt_emulator.levers import READ_ONLY, Levers
from miniqmt_emulator.market import Market
from miniqmt_emulator.protocol import (
    HOST,
    MAX_LINE,
    PORT_FILE,
    Message,
    decode,
    encode,
    read_port,
    write_port,
)
from miniqmt_emulator.quote_service import QuoteService, Subscription
from miniqmt_emulator.scheduler import Scheduler
from miniqmt_emulator.settings import Settings

DEFAULT_QUOTE_PORT = 58610


class Connection:
    """One client; messages wait in the outbox until the terminal commits."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._outbox: list[Message] = []
        self.muted = False
        """A muted connection is still open, but nothing passes in either direction."""

    def send(self, message: Message) -> None:
        if not self.muted:
            self._outbox.append(message)

    def flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        if outbox and not self._writer.is_closing():
            self._writer.write(b"".join(encode(message) for message in outbox))

    def close(self) -> None:
        self._writer.close()


class TradeConnection(Connection):
    def __init__(self, writer: asyncio.StreamWriter, number: int) -> None:
        super().__init__(writer)
        self.number = number
        self.subscribed: set[str] = set()


class QuoteConnection(Connection):
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        super().__init__(writer)
        self.subscriptions: dict[int, Subscription] = {}
        self.priced: set[str] = set()


class Terminal:
    def __init__(
        self,
        userdata: Path,
        *,
        state: Path | None = None,
        scenario: Path | None = None,
        quote_port: int = DEFAULT_QUOTE_PORT,
    ) -> None:
        self.userdata = userdata
        self.quote_port = quote_port
        self.port = 0
        self.calls: Counter[str] = Counter()
        """How often each request came in, from trade and quote clients together."""
        self._state = state
        self._levers = Levers(self)
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._trade: dict[int, TradeConnection] = {}
        self._last_seen: dict[int, float] = {}
        self._stopping = asyncio.Event()
        if state is not None and state.exists():
            self._build(store.read_document(state))
        else:
            self._build(store.read_document(scenario) if scenario else {})

    def _build(self, document: store.Document) -> None:
        self.settings = Settings()
        self.script = Script()
        self.clock = Clock()
        self.market = Market(self.clock)
        self.scheduler = Scheduler(self.commit)
        self.broker = Broker(self.market, self.clock, self.scheduler, self.settings, self.script, self)
        self.quotes = QuoteService(self.market, self.settings, self.userdata)
        self.trade_link_up = True
        self.quote_link_up = True
        store.load(self, document)
        self.market.listeners.append(self._push_quote)

    # -- life -----------------------------------------------------------------------------------

    async def run(self, port: int = 0) -> None:
        """Serve until asked to stop."""
        server = await asyncio.start_server(self._accept, HOST, port, limit=MAX_LINE)
        self.port = server.sockets[0].getsockname()[1]
        self.broker.resume()
        self.broker.changed = True
        self.commit()
        write_port(self.userdata, self.port)
        if sys.stdout.isatty():
            print(f"emulated terminal: {self.userdata}, port {self.port}")
        try:
            await self._stopping.wait()
        finally:
            if read_port(self.userdata) == self.port:
                (self.userdata / PORT_FILE).unlink(missing_ok=True)
            server.close()
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    def stop(self) -> None:
        self._stopping.set()

    def reset(self, document: store.Document) -> None:
        """Forget everything, sessions included, and begin again with a scenario."""
        self.scheduler.clear()
        for connection in self._connections:
            if isinstance(connection, (TradeConnection, QuoteConnection)):
                connection.muted = True
                connection.close()
        self._trade.clear()
        self._last_seen.clear()
        self.calls.clear()
        self._build(document)
        self.broker.resume()

    def commit(self) -> None:
        """Save what changed, then let the waiting messages out."""
        if self.broker.changed and self._state is not None:
            store.write_document(self._state, store.dump(self))
        self.broker.changed = False
        for connection in self._connections:
            connection.flush()

    # -- publisher ------------------------------------------------------------------------------

    def answer(self, caller: Caller, kind: str, value: Any) -> None:
        if caller.session is not None:
            caller.session.send({"answer": kind, "seq": caller.seq, "value": value})

    def push(self, caller: Caller, kind: str, value: Any) -> None:
        if caller.session is not None:
            caller.session.send({"push": kind, "value": value})

    def broadcast(self, account_id: str, kind: str, value: Any) -> None:
        for session in self._trade.values():
            if account_id in session.subscribed:
                session.send({"push": kind, "value": value})

    def chatter(self, text: str) -> None:
        """Have the native layer of every connected trade client write a line past its program."""
        for session in self._trade.values():
            session.send({"chatter": text})

    # -- links ----------------------------------------------------------------------------------

    def drop_session(self, number: int, delay: float) -> None:
        """Cut one trade session; ``delay`` is how long it takes to notice."""
        if number not in self._trade:
            raise ValueError(f"no session {number}")
        connection = self._trade[number]
        self._leave(connection)
        self._cut(connection, delay)

    def drop_sessions(self, delay: float) -> None:
        for number in list(self._trade):
            self.drop_session(number, delay)

    def drop_quotes(self, delay: float) -> None:
        for connection in self._quote_connections():
            connection.subscriptions.clear()
            self._cut(connection, delay)

    def sessions(self) -> list[dict[str, Any]]:
        return [
            {"session": number, "subscribed": sorted(connection.subscribed)}
            for number, connection in self._trade.items()
        ]

    def _quote_connections(self) -> list[QuoteConnection]:
        return [item for item in self._connections if isinstance(item, QuoteConnection)]

    def _cut(self, connection: Connection, delay: float) -> None:
        connection.muted = True
        self.scheduler.at(delay, connection.close)

    def _leave(self, connection: TradeConnection) -> None:
        if self._trade.get(connection.number) is connection:
            del self._trade[connection.number]
            self._last_seen[connection.number] = time.monotonic()

    # -- connections ------------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection: Connection | None = None
        try:
            greeting = await reader.readline()
            if not greeting:
                return
            connection = await self._greet(decode(greeting), writer)
            if connection is None:
                return
            while line := await reader.readline():
                if not connection.muted:
                    await self._handle(connection, decode(line))
                    self.commit()
        except (ConnectionError, asyncio.CancelledError):
            pass  # The client has gone, or the terminal is ending.
        except Exception:
            traceback.print_exc(file=sys.stderr)
        finally:
            if connection is not None:
                self._connections.discard(connection)
                if isinstance(connection, TradeConnection):
                    self._leave(connection)
            writer.close()
            with contextlib.suppress(Exception):
                await writer.wait_closed()

    async def _greet(self, message: Message, writer: asyncio.StreamWriter) -> Connection | None:
        """Admit a client, or say why not."""
        role = message.get("role")
        connection: Connection | None = None
        reply: Message = {"result": 0}
        if role == "control":
            connection = Connection(writer)
        elif role == "quote":
            if not self.quote_link_up:
                reply = _refusal("the quote service is down")
            elif message["port"] not in (self.quote_port, self.port):
                reply = _refusal(f"no quote service on port {message['port']}")
            else:
                connection, reply = QuoteConnection(writer), self.quotes.greeting()
        elif role == "trade":
            self.calls["connect"] += 1
            await asyncio.sleep(self.settings.delay("connect"))
            behaviour = self.script.take_call("connect")
            if behaviour is not None and behaviour.delay:
                await asyncio.sleep(behaviour.delay)
            if behaviour is not None and behaviour.mode == "no_response":
                await self._stopping.wait()
                return None
            reply = self._admission(int(message["session"]), behaviour)
            if reply["result"] == 0:
                connection = TradeConnection(writer, int(message["session"]))
                self._trade[connection.number] = connection
        else:
            reply = _refusal(f"unknown role {role!r}")
        if connection is not None:
            self._connections.add(connection)
        writer.write(encode(reply))
        return connection

    def _admission(self, session: int, behaviour: CallBehaviour | None) -> Message:
        if not self.trade_link_up:
            return _refusal("the trade service is down")
        if behaviour is not None and behaviour.mode == "refuse":
            return _refusal("scripted")
        if session in self._trade:
            return _refusal("session id in use")
        last_seen = self._last_seen.get(session)
        if last_seen is not None and time.monotonic() - last_seen < self.settings.session_reuse_gap:
            return _refusal("session id was in use a moment ago")
        return {"result": 0}

    async def _handle(self, connection: Connection, message: Message) -> None:
        if isinstance(connection, TradeConnection):
            self._handle_trade(connection, message)
        elif isinstance(connection, QuoteConnection):
            self._handle_quote(connection, message)
        else:
            await self._handle_control(connection, message)

    # -- trade requests ---------------------------------------------------------------------------

    def _handle_trade(self, session: TradeConnection, message: Message) -> None:
        op, caller = message["op"], Caller(session, session.number, message["seq"])
        self.calls[op] += 1
        if op == "order":
            request = OrderRequest(
                account_id=message["account"],
                account_type=message["account_type"],
                code=message["code"],
                side=message["side"],
                volume=message["volume"],
                price_type=message["price_type"],
                price=message["price"],
                strategy=message["strategy"],
                remark=message["remark"],
                long_remark=message["long_remark"],
            )
            self.broker.submit(caller, request)
        elif op == "cancel":
            self.broker.cancel(caller, message["account"], message["order_id"], message["sysid"])
        else:
            behaviour = self.script.take_call(op)
            if behaviour is not None and behaviour.mode == "no_response":
                return
            delay = self.settings.delay(op) + (behaviour.waits if behaviour else 0.0)
            failing = behaviour is not None and behaviour.mode in ("refuse", "empty", "error")
            if op in ("subscribe", "unsubscribe"):
                self.scheduler.at(delay, self._subscribe, caller, message, failing)
            else:
                lag = behaviour.lags if behaviour else 0.0
                self.scheduler.at(delay, self._query, caller, message, failing, lag)

    def _subscribe(self, caller: Caller, message: Message, failing: bool) -> None:
        session, account_id = caller.session, message["account"]
        if message["op"] == "unsubscribe":
            result = 0 if account_id in session.subscribed and not failing else -1
            session.subscribed.discard(account_id)
            self.answer(caller, "UnsubscribeResp", result)
            return
        account = self.broker.accounts.get(account_id)
        if account is None or message["account_type"] != account.account_type or failing:
            self.answer(caller, "SubscribeResp", -1)
            return
        session.subscribed.add(account_id)
        self.answer(caller, "SubscribeResp", 0)
        self.push(caller, "UpdateAccountStatus", self.broker.views.account_status(account))

    def _query(self, caller: Caller, message: Message, failing: bool, lag: float) -> None:
        kinds = {
            "query_asset": "QueryStockAsset",
            "query_orders": "QueryStockOrders",
            "query_trades": "QueryStockTrades",
            "query_positions": "QueryStockPositions",
            "query_account_infos": "QueryAccountInfos",
            "query_account_status": "QueryAccountStatus",
        }
        value = [] if failing else self._result(message, lag)
        self.answer(caller, kinds[message["op"]], value)

    def _result(self, message: Message, lag: float) -> list[Any]:
        op, views = message["op"], self.broker.views
        if op == "query_account_infos":
            return [views.account_info(account) for account in self.broker.accounts.values()]
        if op == "query_account_status":
            return [row for account in self.broker.accounts.values() for row in views.account_statuses(account)]
        account = self.broker.accounts.get(message["account"])
        if account is None:
            return []
        if op == "query_asset":
            return [views.asset(account)]
        if op == "query_trades":
            shown = self._old_enough(account, lag)
            return [views.trade(account, trade) for trade in account.trades if trade.order_id in shown]
        if op == "query_positions":
            code = message["code"]
            held = [item for item in account.positions.values() if code in ("", item.code)]
            return [row for item in held for row in views.positions(account, item)]
        shown = self._old_enough(account, lag)
        return self._orders(account, shown, message["order_id"], message["cancelable_only"])

    def _old_enough(self, account: Account, lag: float) -> dict[int, Order]:
        """Today's orders as a cache has them that learns of a new one ``lag`` seconds late."""
        if not lag:  # no cache: also an order from before the clock was put back is shown
            return account.orders
        newest = self.clock.time() - lag
        return {number: order for number, order in account.orders.items() if order.accepted <= newest}

    def _orders(self, account: Account, shown: dict[int, Order], order_id: int, cancelable_only: bool) -> list[Any]:
        return [
            self.broker.views.order(account, order)
            for order in shown.values()
            if order_id in (0, order.order_id) and (not cancelable_only or order.status in CANCELABLE_STATUSES)
        ]

    # -- quote requests ---------------------------------------------------------------------------

    def _handle_quote(self, connection: QuoteConnection, message: Message) -> None:
        self.calls[message["op"]] += 1
        behaviour = self.script.take_call(message["op"])
        if behaviour is not None and behaviour.mode == "no_response":
            return
        delay = behaviour.delay if behaviour else 0.0
        self.scheduler.at(delay, self._answer_quote, connection, message, behaviour)

    def _answer_quote(self, connection: QuoteConnection, message: Message, behaviour: CallBehaviour | None) -> None:
        op, number = message["op"], message["id"]
        mode = behaviour.mode if behaviour else ""
        if behaviour is not None and mode in ("error", "refuse"):
            connection.send({"id": number, "error": behaviour.text})
        elif op in ("subscribe_whole", "subscribe_one"):
            subscription = self.quotes.subscription(message)
            connection.subscriptions[message["subscription"]] = subscription
            connection.send({"id": number, "value": message["subscription"]})
            self.scheduler.at(
                self.settings.delay("first_push"), self._push_first, connection, message["subscription"], subscription
            )
        elif op == "unsubscribe_quote":
            connection.subscriptions.pop(message["subscription"], None)
            connection.send({"id": number, "value": None})
        elif mode == "empty":
            connection.send({"id": number, "value": self.quotes.empty_answer(op)})
        else:
            if op == "full_tick" and self.settings.full_tick_needs_subscription:
                message = message | {"codes": [code for code in message["codes"] if code in connection.priced]}
            connection.send({"id": number, "value": self.quotes.answer(op, message)})

    def _push_first(self, connection: QuoteConnection, number: int, subscription: Subscription) -> None:
        connection.priced |= subscription.codes
        self._send_ticks(connection, number, self.quotes.snapshot(subscription))

    def _push_quote(self, code: str) -> None:
        for connection in self._quote_connections():
            for number, subscription in connection.subscriptions.items():
                if subscription.covers(code):
                    self._send_ticks(connection, number, self.quotes.change(subscription, code))

    @staticmethod
    def _send_ticks(connection: QuoteConnection, number: int, ticks: dict[str, Any]) -> None:
        if ticks:
            connection.send({"subscription": number, "data": ticks})

    # -- control requests -------------------------------------------------------------------------

    async def _handle_control(self, connection: Connection, message: Message) -> None:
        try:
            value = self._levers.call(message["op"], message.get("args", {}))
            if inspect.isawaitable(value):
                value = await value
            self.broker.changed |= message["op"] not in READ_ONLY
            connection.send({"id": message["id"], "value": value})
        except Exception as error:
            connection.send({"id": message["id"], "error": f"{type(error).__name__}: {error}"})


async def serve(
    userdata: Path,
    *,
    state: Path | None = None,
    scenario: Path | None = None,
    port: int = 0,
    quote_port: int = DEFAULT_QUOTE_PORT,
    stop_at_eof: bool = False,
) -> None:
    """Run one terminal until a signal, or the end of standard input, stops it."""
    userdata.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  (nothing else runs yet)
    terminal = Terminal(userdata, state=state, scenario=scenario, quote_port=quote_port)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, terminal.stop)
    if stop_at_eof:
        threading.Thread(target=_stop_at_eof, args=(loop, terminal), daemon=True).start()
    await terminal.run(port)


def _stop_at_eof(loop: asyncio.AbstractEventLoop, terminal: Terminal) -> None:
    # Not sys.stdin.read(): its lock would be held when the interpreter ends.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(terminal.stop)


def _refusal(reason: str) -> Message:
    return {"result": -1, "reason": reason}
