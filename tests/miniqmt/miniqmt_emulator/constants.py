"""Codes used on both sides of the wire; the values are those of ``xtquant.xtconstant``."""

from __future__ import annotations

from enum import IntEnum


class Side(IntEnum):
    BUY = 23
    SELL = 24


class PriceType(IntEnum):
    """Price types a convertible bond order may use."""

    LATEST_PRICE = 5
    FIX_PRICE = 11


class OrderStatus(IntEnum):
    UNREPORTED = 48
    WAIT_REPORTING = 49
    REPORTED = 50
    REPORTED_CANCEL = 51
    PARTSUCC_CANCEL = 52
    PART_CANCEL = 53
    CANCELED = 54
    PART_SUCC = 55
    SUCCEEDED = 56
    JUNK = 57


class AccountStatus(IntEnum):
    INVALID = -1
    OK = 0
    CONNECTING = 1
    LOGGING_IN = 2
    FAILED = 3
    INITIALISING = 4
    CORRECTING = 5
    CLOSED = 6


class Phase(IntEnum):
    """Trading state of a security, shown in the tick's ``openInt``."""

    SUSPENDED = 1
    PRE_OPEN = 11
    OPENING_AUCTION = 12
    CONTINUOUS = 13
    BREAK = 14
    CLOSED = 15
    VOLATILITY_HALT = 16
    TEMPORARY_HALT = 17
    CLOSING_AUCTION = 18
    HALTED_TO_CLOSE = 20


FINAL_STATUSES = frozenset({OrderStatus.PART_CANCEL, OrderStatus.CANCELED, OrderStatus.SUCCEEDED, OrderStatus.JUNK})
CANCELABLE_STATUSES = frozenset(
    {
        OrderStatus.UNREPORTED,
        OrderStatus.WAIT_REPORTING,
        OrderStatus.REPORTED,
        OrderStatus.PART_SUCC,
    }
)
MATCHABLE_STATUSES = frozenset(
    {
        OrderStatus.REPORTED,
        OrderStatus.PART_SUCC,
        OrderStatus.REPORTED_CANCEL,
        OrderStatus.PARTSUCC_CANCEL,
    }
)

# The price type an order shows afterwards is the counter's own code, not the one sent.
SHOWN_LIMIT_PRICE = 50
SHOWN_MARKET_PRICE = 88

STOCK_ACCOUNT = 2
