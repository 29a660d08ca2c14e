"""Trading databases of tests: the empty one is made once and copied, a third of the time."""

import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from core.infra.database import open_database
from core.trading.state_store import TRADING

if TYPE_CHECKING:
    from sqlite_utils import Database


def trading_database(path: Path) -> "Database":
    """The database at `path`, as the engine opens it; a new one where there is none."""
    if not path.exists():
        path.write_bytes(_empty())
    return open_database(path, TRADING, durable=False)


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "app.db"
        open_database(path, TRADING, durable=False).close()
        return path.read_bytes()
