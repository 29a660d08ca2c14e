"""Values as rows, and the strict reading of stored rows: a value that rotor cannot have written is damage, and is named
with its row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from core.i18n import say
from core.infra.database import DatabaseUnusable, file_of, rows
from core.model.errors import RotorError, SetupError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from sqlite_utils import Database

T = TypeVar("T")

_MOST = 10**9
"""No volume, count or price reaches it: more is damage, not a large account."""

_LEAST_AMOUNT, _MOST_AMOUNT = Decimal("0.0001"), Decimal(10**12)
"""CNY: nothing but 0 is written finer than the one, and no account comes to the other."""


class DamagedValueError(SetupError, ValueError):
    """What a row says cannot be; the message says what."""


def columns(names: str, *, whole: str = "") -> dict[str, type]:
    """A table's columns, in order: whole numbers in those of `whole`, text in the others, also for money and days."""
    return {name: int if name in whole.split() else str for name in names.split()}


def row_of(value: "DataclassInstance") -> dict[str, int | str | None]:
    """The row of a value whose table has a column for each of its fields."""
    return {field.name: _cell(getattr(value, field.name)) for field in fields(value)}


def _cell(value: object) -> int | str | None:
    if value is None or isinstance(value, int):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)


class StoredRow:
    """One row, whose values are checked as they are read."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def get(self, column: str, read: Callable[[Any], T]) -> T:
        """The column's value as `read` makes it. Raises `DamagedValueError`."""
        if column not in self._values:
            raise DamagedValueError(say("the column {column} is missing", column=column))
        value = self._values[column]
        try:
            return read(value)
        except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RotorError):
            held = "NULL" if value is None else repr(value)[:60]
            raise DamagedValueError(say("the column {column} holds {value}", column=column, value=held)) from None

    def maybe(self, column: str, read: Callable[[Any], T]) -> T | None:
        """As `get`; None for NULL, and where the file of an older version has no such column."""
        return None if self._values.get(column) is None else self.get(column, read)


def read_rows(
    db: "Database",
    table: str,
    convert: Callable[[StoredRow], T],
    where: str | None = None,
    values: Sequence[Any] = (),
    order_by: str = "rowid",
) -> list[T]:
    """Rows of a table as objects. Raises `DatabaseUnusable` with the file, the table, the row and the remedy."""
    return [_converted(db, table, found, convert) for found in rows(db, table, where, values, order_by)]


class NewestRow(Generic[T]):
    """One row that is looked at again and again: read from the file each time, converted where it has changed."""

    def __init__(self, db: "Database", table: str, convert: Callable[[StoredRow], T]) -> None:
        self._db, self._table, self._convert = db, table, convert
        self._before: tuple[Mapping[str, Any], T] | None = None

    def read(self, where: str | None = None, values: Sequence[Any] = (), order_by: str = "rowid desc") -> T | None:
        """The first row in this order, the same object while the row is the same; None where there is none.

        Raises `DatabaseUnusable` as `read_rows` does.
        """
        found = rows(self._db, self._table, where, values, f"{order_by} limit 1")
        if not found:
            return None
        before = self._before
        if before is None or before[0] != found[0]:
            before = self._before = (found[0], _converted(self._db, self._table, found[0], self._convert))
        return before[1]


def _converted(db: "Database", table: str, values: Mapping[str, Any], convert: Callable[[StoredRow], T]) -> T:
    try:
        return convert(StoredRow(values))
    except DamagedValueError as error:
        column, key = next(iter(values.items()))
        raise DatabaseUnusable(
            say(
                "{file} is damaged: in table {table}, in the row with {column} = {key}: {why}. Nothing was changed and "
                "nothing is sent. rotor restore lists the backups.",
                file=file_of(db),
                table=table,
                column=column,
                key=key,
                why=error,
            ),
            damaged=True,
        ) from None


def as_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def as_whole(value: object) -> int:
    if type(value) is not int or not -_MOST < value < _MOST:
        raise ValueError
    return value


def as_count(value: object) -> int:
    if as_whole(value) <= 0:
        raise ValueError
    return as_whole(value)


def as_amount(value: object) -> Decimal:
    """CNY, stored as text, of either sign; not NaN and not infinite."""
    found = Decimal(as_text(value))
    if not found.is_finite() or (found and not _LEAST_AMOUNT <= abs(found) < _MOST_AMOUNT):
        raise ValueError
    return found


def as_money(value: object) -> Decimal:
    found = as_amount(value)
    if found < 0:
        raise ValueError
    return found


def as_price(value: object) -> Decimal:
    """CNY per 张, above zero."""
    found = as_amount(value)
    if not 0 < found < _MOST:
        raise ValueError
    return found


def as_day(value: object) -> date:
    return date.fromisoformat(as_text(value))


def as_moment(value: object) -> datetime:
    """With its time zone: without one it cannot be compared."""
    found = datetime.fromisoformat(as_text(value))
    if found.tzinfo is None:
        raise ValueError
    return found
