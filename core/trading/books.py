"""The books of an account as a whole: checked before anything relies on them."""

from typing import TYPE_CHECKING

from core.trading.journal import Journal
from core.trading.ledger import Ledger
from core.trading.runs import Runs
from core.trading.state_store import StateStore

if TYPE_CHECKING:
    from sqlite_utils import Database


def check_books(db: "Database") -> None:
    """Read every row of every table. Raises `DatabaseUnusable` with the first one that is damaged."""
    Ledger(db)
    Journal(db).check()
    Runs(db).check()
    StateStore(db).check()
