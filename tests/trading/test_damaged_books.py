"""Books with values that rotor cannot have written are refused with the table, the row and the remedy."""

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.brokers.paper_store import PaperStore
from core.infra.database import DatabaseUnusable, open_database, open_for_reading
from core.model.order import OrderState, Side
from core.model.report import CashFlow
from core.model.snapshot import Control
from core.trading.books import check_books
from core.trading.runs import Runs
from core.trading.state_store import TRADING, StateStore
from tests import worlds
from tests.contract.venue import OPENING, SH, Account, PaperVenue, quote
from tests.contract.venue import intent as paper_intent
from tests.trading import hostile
from tests.trading.trading_world import SELL, TEN, A, Agenda, C, D, TradingWorld, intent
from tests.trading.trading_world import settings as world_settings


async def make_books(path: Path) -> None:
    """Sound books with something in every table."""
    clock = Agenda()
    broker = hostile.HostileBroker(clock, cash=100_000, lists_every_order=True)
    world = TradingWorld(path, broker, clock, world_settings())
    world.own(A=100)
    world.broker.manners = {A: [hostile.works]}
    await world.order_manager.send([intent("s-1", A, SELL, 100)])
    world.broker.trade(world.broker.number("s-1"), 40)
    plan = await world.plan(C, D)
    runs = Runs(world.db)
    runs.begin(plan, worlds.selection(C, D), TEN)
    runs.finish(plan.plan_id, "done", Decimal("12.5"), TEN, {C: "no price"})
    store = StateStore(world.db)
    world.controls.engage(Control.PAUSED)
    store.keep("engine_running", TEN.isoformat())
    store.keep("stop_parameters/4/402", "{}")
    store.keep("a key of a later version", "any text")
    store.add_equity(TEN, Decimal("1000.5"))
    flow = CashFlow(1, TEN + timedelta(minutes=1), Decimal(200), entered=False)
    store.add_equity(TEN + timedelta(minutes=1), Decimal("1201.5"), None, flow)
    world.db.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "app.db"
    asyncio.run(make_books(path))
    return path


@pytest.fixture
def books(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound, tmp_path / "app.db"))


def check(path: Path) -> None:
    with closing(open_database(path, TRADING, durable=False)) as database:
        check_books(database)


def change(path: Path, table: str, column: str, value: object) -> None:
    """As a program does that knows nothing of the tables' types."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        rows = f"select * from {table}"
        types = ", ".join(f'"{name[0]}"' for name in other.execute(rows).description)
        other.execute(f"create table changed ({types})")
        other.execute(f"insert into changed {rows}")
        other.execute(f"drop table {table}")
        other.execute(f"alter table changed rename to {table}")
        other.execute(f"update {table} set {column} = ? where rowid = (select max(rowid) from {table})", [value])


WRONG = [
    *(("orders", "volume", value) for value in (-100, 0, "ten", None, 2**31 - 1, 10.5)),
    *(("orders", "price", value) for value in ("NaN", "-1", "0", "inf", "x", None, 100.5)),
    *(("orders", column, "what") for column in ("side", "state", "origin", "trading_day", "created_at", "code")),
    *(("orders", column, None) for column in ("side", "state", "trading_day", "created_at", "code", "client_order_id")),
    ("orders", "created_at", "2026-05-15T10:00:00"),
    ("orders", "volume", 10),
    ("orders", "code", "600000.SH"),
    ("orders", "attempt", "first"),
    ("orders", "level", "NaN"),
    *(("ledger", "volume", value) for value in (-40, 0, "forty", None, 101, 2**31 - 1)),
    *(("ledger", "price", value) for value in ("NaN", "-1", "x", None, "0", "0.000000001", "100001", "1e999")),
    *(("ledger", "fee", value) for value in ("NaN", "x", None, "-6000", "5000", "-0.01", "1e-400")),
    *(("ledger", column, value) for column, value in (("kind", "gift"), ("trading_day", "9999-12-31"), ("at", "what"))),
    *(("ledger", column, "what") for column in ("side", "code", "trading_day")),
    *(("ledger", column, None) for column in ("key", "kind", "side", "code", "trading_day")),
    *(("transitions", column, value) for column in ("at", "state") for value in ("what", None, 7)),
    *(("runs", column, "what") for column in ("plan", "started_at", "origin", "cash_after", "stopped", "trading_day")),
    *(("runs", column, None) for column in ("plan", "started_at", "origin", "plan_id")),
    ("runs", "plan", "[{}]"),
    *(("lists", column, "what") for column in ("bonds", "trade_date", "fetched_at", "strategy_id")),
    *(("equity", column, value) for column in ("at", "total") for value in ("what", None, "NaN")),
    *(("equity", "total", value) for value in ("1e400", "-1", "1e-400")),
    *(("flows", "amount", value) for value in ("1e999", "-1e999", "Infinity", "1e-999")),
    ("state", "value", None),
]


@pytest.mark.parametrize(("table", "column", "value"), WRONG, ids=str)
def test_a_value_that_cannot_be_is_refused_with_its_table_and_row(
    books: Path, table: str, column: str, value: object
) -> None:
    change(books, table, column, value)
    before = sorted(books.parent.iterdir())
    with pytest.raises(DatabaseUnusable) as refused:
        check(books)
    text = str(refused.value)
    assert f"{books} is damaged: in table {table}, in the row with" in text
    assert "Nothing was changed and nothing is sent. rotor restore lists the backups." in text
    assert refused.value.damaged
    assert sorted(books.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("control", "dancing"),
        ("engine_running", "yesterday"),
        ("schedule_missed", "{}"),
        ("stop_parameters/4/402", "[]"),
        ("turned_down", "{"),
        ("self_test", "passed"),
    ],
)
def test_a_state_that_cannot_be_is_refused(books: Path, key: str, value: str) -> None:
    with closing(sqlite3.connect(books, isolation_level=None)) as other:
        other.execute("insert or replace into state values (?, ?)", [key, value])
    with pytest.raises(DatabaseUnusable, match=f"in table state, in the row with key = {key}: the column value holds"):
        check(books)


def test_sound_books_are_accepted_also_by_tables_without_types(books: Path) -> None:
    check(books)
    for fee in ("0", "5", "20"):
        change(books, "ledger", "fee", fee)
        check(books)
    change(books, "flows", "amount", "-999999999999")
    change(books, "ledger", "order_id", "7")
    check(books)


@pytest.mark.parametrize("statement", ["drop table ledger", "alter table ledger drop column fee", "drop table state"])
def test_a_table_or_column_that_is_gone_is_no_empty_one(books: Path, statement: str) -> None:
    with closing(sqlite3.connect(books, isolation_level=None)) as other:
        other.execute(statement)
    with pytest.raises(DatabaseUnusable, match=r"is damaged: table \w+ has no column"):
        check(books)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_a_pipe_in_the_place_of_the_books_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "app.db")
    for open_books in (open_database, open_for_reading):
        with pytest.raises(DatabaseUnusable, match="is a pipe, not a file"):
            open_books(tmp_path / "app.db", TRADING)


def test_books_of_a_newer_version_are_named_as_such_and_not_changed(books: Path) -> None:
    with closing(sqlite3.connect(books, isolation_level=None)) as other:
        other.execute(
            "insert into _sqlite_migrations (migration_set, name, applied_at) values ('trading', 'from_then', '2030')"
        )
        other.execute("pragma wal_checkpoint(truncate)")
    before = books.read_bytes()
    with pytest.raises(DatabaseUnusable, match=r"newer version of rotor \(from_then\)"):
        check(books)
    with pytest.raises(DatabaseUnusable, match="newer version"):
        open_for_reading(books, TRADING)
    assert books.read_bytes() == before


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "no database", "a folder"])
def test_a_damaged_file_is_refused(books: Path, damage: str) -> None:
    whole = books.read_bytes()
    if damage == "a folder":
        books.unlink()
        books.mkdir()
    else:
        changed = {
            "truncated": whole[: len(whole) // 2],
            "overwritten": whole[:4096] + b"\xff" * (len(whole) - 4096),
            "no database": b"this is no database " * 200,
        }
        books.write_bytes(changed[damage])
    with pytest.raises(DatabaseUnusable, match="Nothing was changed"):
        check(books)


PAPER_WRONG = [
    *(("account", column, value) for column in ("cash", "frozen") for value in ("NaN", "-1", "x", None)),
    *(("holdings", "volume", value) for value in (-10, 0, "x", None)),
    *(("holdings", column, value) for column in ("cost", "last") for value in ("NaN", "-1", None)),
    ("holdings", "code", "what"),
    *(("orders", column, "what") for column in ("side", "state", "day", "at", "volume", "price", "code")),
    ("orders", "filled_volume", 100_000),
    *(("fills", "volume", value) for value in (-10, 0, "x", None)),
    *(("fills", "price", value) for value in ("NaN", "0", None)),
    *(("fills", column, "what") for column in ("side", "day", "at", "code")),
]


async def make_paper(folder: Path) -> None:
    venue = await PaperVenue.opened(folder)
    await venue.show(quote(SH, OPENING))
    await Account(venue).send(paper_intent("b-1", SH, Side.BUY, 10, "100.01"))
    assert (await Account(venue).order("b-1")).state is OrderState.FILLED
    await venue.close()


@pytest.fixture(scope="module")
def sound_paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    asyncio.run(make_paper(folder))
    return folder / "paper.db"


@pytest.fixture
def paper(sound_paper: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound_paper, tmp_path / "paper.db"))


@pytest.mark.parametrize(("table", "column", "value"), PAPER_WRONG, ids=str)
def test_a_paper_account_with_a_value_that_cannot_be_is_refused(
    paper: Path, table: str, column: str, value: object
) -> None:
    change(paper, table, column, value)
    with pytest.raises(DatabaseUnusable, match=f"is damaged: in table {table}, in the row with"):
        PaperStore(paper, Decimal(1000), durable=False)


def test_a_sound_paper_account_is_opened_and_an_emptied_one_gets_no_new_money(paper: Path) -> None:
    PaperStore(paper, Decimal(1000), durable=False).close()
    with closing(sqlite3.connect(paper, isolation_level=None)) as other:
        other.execute("delete from account")
    with pytest.raises(DatabaseUnusable, match="table account is empty"):
        PaperStore(paper, Decimal(1000), durable=False)


VALUES = st.one_of(
    st.none(), st.text(max_size=12), st.integers(-(2**40), 2**40), st.floats(), st.binary(max_size=4), st.booleans()
)
COLUMNS = st.sampled_from(
    [
        *(("orders", column) for column in ("volume", "price", "side", "state", "trading_day", "created_at", "code")),
        *(("ledger", column) for column in ("volume", "price", "fee", "side", "code", "trading_day", "key")),
        *(("transitions", column) for column in ("at", "state", "text")),
        *(("runs", column) for column in ("plan", "started_at", "finished_at", "cash_after", "stopped", "stage")),
        *(("lists", column) for column in ("bonds", "trade_date", "fetched_at")),
        *(("state", "value"), ("equity", "at"), ("equity", "total")),
        *(("flows", column) for column in ("at", "amount", "entered")),
    ]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=COLUMNS, value=VALUES)
def test_whatever_stands_in_a_column_the_books_are_read_or_refused(
    books: Path, where: tuple[str, str], value: object
) -> None:
    copy = books.with_name("copy.db")
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(books)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    change(copy, *where, value)
    try:
        check(copy)
    except DatabaseUnusable as refused:
        assert where[0] in str(refused)
