"""What commands read and write without an engine: settings, the state on disk, exports, rehearsals."""

import asyncio
import csv
import os
import sqlite3
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from core.engine.ipc.client import IpcClient
from core.i18n import say
from core.infra.backlog import backlog_of
from core.infra.config import masked, write_setting
from core.infra.database import open_database, open_for_reading, rows, unreadable
from core.infra.home import Home, HomeUnusable, check_own, database_files
from core.model.known import Known
from core.model.order import Fill
from core.model.settings import Settings
from core.model.snapshot import Control, Snapshot
from core.rules.record_parameters import rule_of
from core.rules.record_schedule import differences, schedule_text
from core.trading.books import check_books
from core.trading.journal import Journal
from core.trading.ledger import Ledger
from core.trading.risk import TradingControls
from core.trading.runs import Runs
from core.trading.state_store import RUNNING, TRADING, StateStore
from tui.cli.bond_figures import bonds_document
from tui.cli.context import accepts_viewers, running_in
from tui.cli.output import fields, order_document, plain

if TYPE_CHECKING:
    from sqlite_utils import Database

EXPORTS = ("orders", "fills", "ledger", "equity", "flows")

CSV_ENCODING = "utf-8-sig"
"""Of a file that people open: without the byte order mark, Excel on a Chinese Windows reads UTF-8 as GBK."""

MAX_CAPITAL = Decimal(10) ** 12
"""Highest start capital of a rehearsal, CNY."""

_STATE_SECONDS = 3.0
"""Seconds that a running engine has to report its state."""

Rows = list[dict[str, Any]]


def config_document(settings: Settings) -> dict[str, Any]:
    """All settings in force; money and ratios as decimal text, secrets as ***."""
    return _masked(settings.model_dump(mode="json"))


def _masked(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    return {
        name: _masked(cast("Mapping[str, Any]", value), f"{prefix}{name}.")
        if isinstance(value, Mapping)
        else masked(prefix + name, value)
        for name, value in table.items()
    }


def prepare_demo(home: Home, like: Settings | None = None) -> None:
    """Write settings for a demo: equal amounts, marketable limit orders, and stops so near that some trigger.

    Language and looks are those of `like`.
    """
    demo: dict[str, Any] = {
        "mode": "sandbox",
        "buy.amount_type": "balance",
        "orders.type": "market",
        "guards.max_daily_buys": 10_000_000.0,
        "stops.take_profit": 0.03,
        "stops.stop_loss": 0.02,
        "stops.refill": True,
    }
    if like is not None:
        screen = like.screen
        demo |= {"language": like.language, "screen.theme": screen.theme, "screen.up": screen.up}
        demo |= {"screen.mouse": screen.mouse, "screen.bell": screen.bell, "screen.details": screen.details}
        demo |= {"screen.chart_marks": screen.chart_marks}
    write_setting(home.path, demo)


def status_document(home: Home, settings: Settings) -> dict[str, Any]:
    """The state in the data folder: the running process, the last rebalance, open orders, the ledger. Changes no file.

    `running` is null where no engine runs; `engine` is what the running one reports about itself, `bonds` what its
    screens show of each bond; `crashed` describes a run that ended without shutting down. Raises `HomeUnusable` where
    the database of the settings' mode is damaged.
    """
    engine, shown = _running_engine(home)
    document: dict[str, Any] = {
        "home": str(home.path),
        "running": running_in(home),
        "engine": engine,
        "controls": [],
        "run_since": None,
        "crashed": None,
        "missed": None,
        "record": None,
        "last_rebalance": None,
        "open_orders": [],
        "unresolved": [],
        "ledger": [],
        "bonds": bonds_document(shown),
    }
    with _reading(_database(home, settings)) as database:
        if database is not None:
            document |= _trading_state(Journal(database), Ledger(database), Runs(database))
            document |= _control_state(StateStore(database))
            document["record"] = _record_state(StateStore(database), settings)
    if document["running"] is None and document["run_since"] is not None:
        document["crashed"] = {"since": document["run_since"], "last_did": _last_line(home)}
    return document


def change_control(home: Home, settings: Settings, control: Control | None) -> tuple[Control | None, Control | None]:
    """Pause or halt trading, or resume with None; returns what was in force before and what is then.

    Written to disk, where a running engine reads it before each order. Raises `HomeUnusable`, `OSError`.
    """
    home.prepare()
    path = _database(home, settings)
    database = open_database(path, TRADING)
    try:
        controls = TradingControls(StateStore(database))
        before = controls.engaged
        controls.release() if control is None else controls.engage(control)
        if (trouble := backlog_of(database).trouble) is not None:
            raise HomeUnusable(trouble)
        return before, controls.engaged
    except sqlite3.Error as error:
        raise unreadable(path, error) from error
    finally:
        database.close()


def _database(home: Home, settings: Settings) -> Path:
    """The database with the orders and the ledger of the settings' mode."""
    return database_files(home, settings)[0]


def _running_engine(home: Home) -> tuple[dict[str, Any] | None, Snapshot | None]:
    """What the engine that runs in the data folder reports, and what it shows; None where none accepts viewers.

    `trouble` is null where everything is well.
    """
    if not accepts_viewers(home) or running_in(home) is None:
        return None, None
    link = IpcClient(home, watch=True)
    try:
        reached = link.open(_STATE_SECONDS)
        link.wait_for_heartbeat(_STATE_SECONDS if reached else 0.0)
        server, shown = link.server_hello, link.latest
        state = {
            "pid": server.pid if server else None,
            "since": server.since if server else None,
            "version": server.version if server else None,
            "mode": shown.mode if shown else None,
            "last_beat_seconds": round(link.heartbeat_age, 1) if link.heartbeat_age is not None else None,
            "last_did": link.last_action or _last_line(home),
            "trouble": link.trouble if reached else link.trouble or say("it does not answer"),
        }
        return state, shown
    finally:
        link.close()


def _last_line(home: Home) -> str | None:
    """The last line of the newest log."""
    files = sorted(home.logs.glob("????-??-??.log"), key=lambda file: file.stat().st_mtime)
    try:
        check_own(files[-1])
        with files[-1].open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            return file.read().decode("utf-8", errors="replace").strip().splitlines()[-1]
    except (OSError, IndexError):
        return None


@contextmanager
def _reading(database: Path) -> "Generator[Database | None]":
    """The database, read only; None where nothing was ever traded. Raises `HomeUnusable`."""
    try:
        opened = open_for_reading(database, TRADING)
    except FileNotFoundError:
        opened = None
    if opened is None:
        yield None
        return
    try:
        check_books(opened)
        yield opened if opened.table("orders").exists() else None
    except sqlite3.Error as error:
        raise unreadable(database, error) from error
    finally:
        opened.close()


def _control_state(state_store: StateStore) -> dict[str, Any]:
    from core.engine.scheduler import stored_missed_run

    running = state_store.recall(RUNNING)
    pulled, missed = TradingControls(state_store).engaged, stored_missed_run(state_store)
    return {
        "controls": [str(pulled)] if pulled else [],
        "run_since": running or None,
        "missed": None
        if missed is None
        else {"name": missed.name, "planned_at": missed.planned_at.isoformat(timespec="minutes"), "why": missed.why},
    }


def _record_state(state_store: StateStore, settings: Settings) -> dict[str, Any] | None:
    """The followed record, how it trades as far as that is known, and where the schedule differs from it."""
    from core.trading.followed_record import remembered

    chosen = settings.strategy
    if not chosen.history_id:
        return None
    rule = rule_of(remembered(state_store, chosen))
    parts = {"holding_sessions": rule.holding_sessions, "top_n": rule.top_n, "trade_timing": rule.trade_timing}
    return {
        **chosen.model_dump(),
        **{name: part.value if isinstance(part, Known) else None for name, part in parts.items()},
        "schedule": schedule_text(settings.schedule),
        "differs": list(differences(rule, settings.schedule)),
    }


def _trading_state(journal: Journal, ledger: Ledger, runs: Runs) -> dict[str, Any]:
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
            "cash_after": plain(last.cash_after),
        },
        "open_orders": [order_document(order) for order in open_orders],
        "unresolved": [order.intent.client_order_id for order in open_orders if order.unresolved],
        "ledger": [
            {"code": str(code), "volume": owned.volume, "cost": plain(owned.cost)}
            for code, owned in sorted(ledger.holdings().items())
        ],
    }


def export_rows(home: Home, settings: Settings, what: str) -> Rows:
    """All rows of one kind, oldest first: `orders`, `fills`, `ledger`, `equity` or `flows`. Changes no file.

    Raises `FileNotFoundError` where nothing was ever traded in the settings' mode, and `HomeUnusable` where its
    database is damaged.
    """
    with _reading(_database(home, settings)) as database:
        if database is None:
            raise FileNotFoundError(say("{folder} holds no data yet: nothing was traded in it", folder=home.path))
        return _rows_of(database, what)


def _rows_of(database: "Database", what: str) -> Rows:
    if what == "orders":
        return [order_document(order) for order in Journal(database).all()]
    if what in {"equity", "flows"}:
        return rows(database, what, order_by="at")
    ledger = Ledger(database)
    if what == "fills":
        return [entry for entry in ledger.entries() if entry["kind"] == "fill"]
    return [
        {"code": str(row.code), "volume": row.volume, "cost": round(row.cost, 6)} for row in ledger.holdings().values()
    ]


def write_csv(table: Iterable[Mapping[str, Any]], stream: TextIO) -> int:
    """Write rows as CSV with a header line; returns their number."""
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
    """Replay a panel and return the report's document; with `export`, write its rows as CSV files into that folder.

    `capital` in CNY. Raises `ValueError` for an invalid capital, and for a panel that is damaged or has none of the
    dates.
    """
    from core.sandbox.panel import load_panel
    from core.sandbox.rehearsal import rehearse

    if not (capital.is_finite() and 0 < capital <= MAX_CAPITAL):
        raise ValueError(
            say(
                "the capital is {capital}: it must be above zero and at most {most:,} CNY",
                capital=capital,
                most=MAX_CAPITAL,
            )
        )
    panel = load_panel(panel_file)
    report = asyncio.run(rehearse(panel, settings, top=top, capital=capital, start=start, end=end, advance=advance))
    document = report.as_json()
    if export is not None:
        export.mkdir(parents=True, exist_ok=True)
        tables: dict[str, Rows] = {
            "equity": [{"date": day, "value": value} for day, value in document["equity"]],
            "orders": [order_document(order) for order in report.order_rows],
            "fills": [_fill_row(fill) for fill in report.fill_rows],
        }
        for name, table in tables.items():
            with (export / f"{name}.csv").open("w", encoding=CSV_ENCODING, newline="") as stream:
                write_csv(table, stream)
    return document


def _fill_row(fill: Fill) -> dict[str, Any]:
    # Money stays exact: as text, not as a float.
    row = {"date": fill.trading_day.isoformat()} | fields(fill, "order_id", "code", "side", "volume")
    return row | {"price": str(fill.price), "fee": str(fill.fee)}
