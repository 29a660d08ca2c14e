"""Notifications for a user who is not looking at a screen."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.model.snapshot import Level


class NotificationKind(StrEnum):
    """The subject of a notification: each is a key of the settings' [notify.events]."""

    ORDER = "order"
    STOP = "stop"
    BOND = "bond"
    CONNECTION = "connection"
    TRADING = "trading"
    MISSED = "missed"
    REBALANCE = "rebalance"
    OPENING = "opening"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification, at the market's time, in the user's language; `text` may have several lines."""

    kind: NotificationKind
    level: Level
    at: datetime
    text: str
