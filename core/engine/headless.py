"""What the command line asks for without a running engine: the home, its settings, its state on disk, rehearsals."""

import asyncio
import csv
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from core.config import SettingsError, init_config, load_settings, problems_of_use, write_setting
from core.engine.documents import order_document
from core.home import Home, HomeInUse, HomeLock, HomeUnusable, find_home
from core.model.order import Fill, Order
from core.model.settings import Settings
from core.store import open_database, rows
from core.trading.journal import Journal
from core.trading.ledger import LedgerBook
from core.trading.runs import Runs
from core.trading.schema import TRADING

__all__ = [
    "EXPORTS",
    "Home",
    "HomeInUse",
    "HomeUnusable",
    "SettingsError",
    "config_document",
    "export_rows",
    "home_at",
    "new_config",
    "notes_on",
    "prepare_demo",
    "rehearse_panel",
    "settings_of",
    "status_document",
    "write_csv",
]

EXPORTS = ("orders", "fills", "ledger", "equity")

Rows = list[dict[str, Any]]


def home_at(option: Path | None) -> Home:
    """The home that the option, ROTOR_HOME, the working folder or the user's data folder names."""
    return Home(find_home(option, os.environ, Path.cwd()))


def settings_of(home: Home, mode: str | None = None) -> Settings:
    """The settings of a home. Raises `SettingsError`, its text a line per problem."""
    return load_settings(home.path, {} if mode is None else {"mode": mode})


def notes_on(settings: Settings) -> list[str]:
    """Settings that were changed and that this version does not act on."""
    return problems_of_use(settings)


def new_config(home: Home) -> Path:
    """Write config.toml with the defaults. Raises `FileExistsError`, `OSError`."""
    return init_config(home.path)


def config_document(settings: Settings) -> dict[str, Any]:
    """All settings as they are in force; numbers as numbers."""
    return settings.model_dump(mode="json")


def prepare_demo(home: Home) -> None:
    """Settings with which a demo trades like a day of practice: equal shares, through the best opposite quote."""
    practice = {
        "mode": "sandbox",
        "buy.amount_type": "balance",
        "orders.type": "market",
        "guards.max_daily_buys": 10_000_000.0,
    }
    write_setting(home.path, practice)


def status_document(home: Home) -> dict[str, Any]:
    """What the home's files tell: who runs in it, the last rebalance, open orders, the ledger. Reads only."""
    holder = HomeLock(home).holder()
    document: dict[str, Any] = {
        "home": str(home.path),
        "running": str(holder) if holder is not None else None,
        "last_rebalance": None,
        "open_orders": [],
        "unresolved": [],
        "ledger": [],
    }
    if not home.database.exists():
        return document
    database = open_database(home.database, TRADING)
    try:
        journal = Journal(database)
        document |= _trading_state(journal, LedgerBook(database), Runs(database))
    finally:
        database.close()
    return document


def _trading_state(journal: Journal, ledger: LedgerBook, runs: Runs) -> dict[str, Any]:
    last = runs.last(journal.of_plan)
    open_orders = journal.open()
    return {
        "last_rebalance": None
        if last is None
        else {
            "plan_id": last.plan_id,
            "started_at": last.started_at.isoformat(timespec="seconds"),
            "finished_at": last.finished_at.isoformat(timespec="seconds") if last.finished_at else None,
            "result": last.stage,
            "cash_after": None if last.cash_after is None else float(last.cash_after),
        },
        "open_orders": [order_document(order) for order in open_orders],
        "unresolved": [order.intent.client_order_id for order in open_orders if order.unresolved],
        "ledger": [
            {"code": str(code), "volume": owned.volume, "cost": float(round(owned.cost, 6))}
            for code, owned in sorted(ledger.holdings().items())
        ],
    }


def export_rows(home: Home, what: str) -> Rows:
    """All rows of one kind, oldest first: `orders`, `fills`, `ledger` or `equity`. Raises `FileNotFoundError`."""
    if not home.database.exists():
        raise FileNotFoundError(f"{home.path} holds no data yet: nothing was traded in it")
    database = open_database(home.database, TRADING)
    try:
        if what == "orders":
            return [order_document(order) for order in Journal(database).all()]
        if what == "equity":
            return rows(database, "equity", order_by="at")
        entries = LedgerBook(database).entries()
        if what == "fills":
            return [entry for entry in entries if entry["kind"] == "fill"]
        owned = LedgerBook(database).holdings().values()
        return [{"code": str(row.code), "volume": row.volume, "cost": round(row.cost, 6)} for row in owned]
    finally:
        database.close()


def write_csv(table: Iterable[Mapping[str, Any]], stream: TextIO) -> int:
    """Rows as CSV with a header line; answers with their number."""
    lines = list(table)
    if lines:
        writer = csv.DictWriter(stream, fieldnames=list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    return len(lines)


def rehearse_panel(
    settings: Settings,
    *,
    panel_file: Path | None,
    top: int,
    capital: Decimal,
    start: date | None,
    end: date | None,
    advance: Callable[[int, int], None],
    export: Path | None,
) -> dict[str, Any]:
    """Play a panel and answer with the report's document; with `export`, its rows go to CSV files there.

    Raises `ValueError` for a panel that cannot be used or holds none of the dates.
    """
    from core.engine.rehearsal import rehearse
    from core.sandbox.panel import load_panel

    panel = load_panel(panel_file)
    chosen = [day for day in panel.dates if (start is None or day >= start) and (end is None or day <= end)]
    if not chosen:
        raise ValueError(f"the panel reaches from {panel.dates[0]} to {panel.dates[-1]}: no date of it was asked for")
    report = asyncio.run(rehearse(panel, settings, top=top, capital=capital, start=start, end=end, advance=advance))
    document = report.as_json()
    if export is not None:
        _export_rehearsal(export, document, report.order_rows, [_fill_row(fill) for fill in report.fill_rows])
    return document


def _export_rehearsal(folder: Path, document: dict[str, Any], orders: Iterable[Order], fills: Rows) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, Rows] = {
        "equity": [{"date": day, "value": value} for day, value in document["equity"]],
        "orders": [order_document(order) for order in orders],
        "fills": fills,
    }
    for name, table in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            write_csv(table, stream)


def _fill_row(fill: Fill) -> dict[str, Any]:
    return {
        "date": fill.trading_day.isoformat(),
        "order_id": fill.order_id,
        "code": str(fill.code),
        "side": str(fill.side),
        "volume": fill.volume,
        "price": str(fill.price),
        "fee": str(fill.fee),
    }
