"""Scenario and state files: one JSON document with everything the terminal knows.

A scenario is the same document with only the parts one cares about::

    {
      "clock": "2025-08-07 09:31:00",
      "accounts": [{"account_id": "8880001", "cash": 50000,
                    "positions": [{"code": "127045.SZ", "volume": 100, "cost_price": 118.0}]}],
      "instruments": [{"code": "127045.SZ", "name": "牧原转债", "prev_close": 121.5}],
      "trading_dates": ["20250806", "20250807", "20250808"],
      "holidays": ["20251001"],
      "settings": {"latency": {"default": 0.002}}
    }
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miniqmt_emulator.behaviour import OrderBehaviour
from miniqmt_emulator.books import Account, Order, Position, Trade
from miniqmt_emulator.clock import parse_moment
from miniqmt_emulator.market import Instrument, Quote, sample_bonds

if TYPE_CHECKING:
    from miniqmt_emulator.terminal import Terminal

Document = dict[str, Any]

_USUAL = OrderBehaviour()


def read_document(path: Path) -> Document:
    document: Document = json.loads(path.read_text("utf-8"))
    return document


def write_document(path: Path, document: Document) -> None:
    """Replace the file in one step, so a reader never sees half of it."""
    scratch = path.with_name(path.name + ".tmp")
    scratch.write_text(json.dumps(document, ensure_ascii=True, separators=(",", ":")), "ascii")
    scratch.replace(path)


def load(terminal: Terminal, document: Document) -> None:
    """Fill a fresh terminal from a scenario or a saved state."""
    market, broker = terminal.market, terminal.broker
    terminal.settings.update(**document.get("settings", {}))
    if "clock" in document:
        clock = document["clock"]
        moment, frozen = (clock["now"], clock["frozen"]) if isinstance(clock, dict) else (clock, False)
        terminal.clock.set(parse_moment(moment), frozen=frozen)
    market.trading_day = document.get("trading_day", terminal.clock.now().strftime("%Y%m%d"))
    market.trading_dates = sorted(document.get("trading_dates", [market.trading_day]))
    market.holidays = [str(day) for day in document.get("holidays", [])]
    market.phase = document.get("phase", market.phase)
    listed = document.get("instruments")
    for instrument in sample_bonds() if listed is None else [Instrument(**item) for item in listed]:
        market.add(instrument)
    for code, quote in document.get("quotes", {}).items():
        market.quotes[code] = _quote(quote)
    for item in document.get("accounts", []):
        account = _account(item)
        broker.accounts[account.account_id] = account
    broker.next_order_id = terminal.settings.first_order_id
    for name, value in document.get("counters", {}).items():
        setattr(broker, name, value)
    broker.requests = document.get("requests", [])
    broker.past_orders = [_order(item) for item in document.get("past_orders", [])]
    broker.past_trades = [Trade(**item) for item in document.get("past_trades", [])]


def dump(terminal: Terminal) -> Document:
    market, broker = terminal.market, terminal.broker
    return {
        "clock": {"now": terminal.clock.now().isoformat(), "frozen": terminal.clock.frozen},
        "trading_day": market.trading_day,
        "trading_dates": market.trading_dates,
        "holidays": market.holidays,
        "phase": market.phase,
        "settings": vars(terminal.settings),
        "instruments": [vars(item) for item in market.instruments.values()],
        "quotes": {code: vars(quote) for code, quote in market.quotes.items()},
        "accounts": [_account_document(account) for account in broker.accounts.values()],
        "counters": {
            "next_order_id": broker.next_order_id,
            "next_sysid": broker.next_sysid,
            "next_trade_id": broker.next_trade_id,
        },
        "requests": broker.requests,
        "past_orders": [_order_document(item) for item in broker.past_orders],
        "past_trades": [vars(item) for item in broker.past_trades],
    }


def _account_document(account: Account) -> Document:
    return vars(account) | {
        "positions": [vars(item) for item in account.positions.values()],
        "orders": [_order_document(item) for item in account.orders.values()],
        "trades": [vars(item) for item in account.trades],
    }


def _order_document(order: Order) -> Document:
    """An order; of its behaviour only what differs from the usual."""
    usual = vars(_USUAL)
    behaviour = {name: item for name, item in vars(order.behaviour).items() if item != usual[name]}
    return vars(order) | {"behaviour": behaviour}


def _account(item: Document) -> Account:
    plain = {name: item[name] for name in item if name not in ("positions", "orders", "trades")}
    account = Account(**plain)
    for position in item.get("positions", []):
        if "cost_price" in position:
            account.set_position(position["code"], position["volume"], position["cost_price"])
        else:
            account.positions[position["code"]] = Position(**position)
    for order in item.get("orders", []):
        account.orders[order["order_id"]] = _order(order)
    account.trades = [Trade(**trade) for trade in item.get("trades", [])]
    return account


def _order(item: Document) -> Order:
    fields: Document = item | {"behaviour": OrderBehaviour(**item["behaviour"])}
    return Order(**fields)


def _quote(item: Document) -> Quote:
    sides = {side: [(price, volume) for price, volume in item[side]] for side in ("bids", "asks")}
    fields: Document = item | sides
    return Quote(**fields)
