"""The names of the settings, their units, and the tabs they stand in."""

from collections.abc import Mapping
from typing import NamedTuple

from core.i18n import mark

_BONDS = mark("bonds", context="unit")
_CNY = mark("CNY", context="unit")
_CHARACTERS = mark("characters", context="unit")
_DAYS = mark("days", context="unit")
_MESSAGES = mark("messages", context="unit")
_MINUTES = mark("min", context="unit")
_ORDERS = mark("orders", context="unit")
_RANKS = mark("ranks", context="unit")
_RATIO = mark("ratio", context="unit")
_SECONDS = mark("s", context="unit")
_SESSIONS = mark("sessions", context="unit")
_TIMES = mark("times", context="unit")
_TRADING_DAYS = mark("trading days", context="unit")


class SettingName(NamedTuple):
    """What a person calls the setting, and the unit of its value; both are marked."""

    name: str
    unit: str = ""


class SettingTab(NamedTuple):
    """Settings that belong together: keys, or whole tables; the title is marked."""

    id: str
    title: str
    holds: tuple[str, ...]


TABS = (
    SettingTab("account", mark("Account"), ("mode", "factorcat", "qmt")),
    SettingTab("buying", mark("Strategy and buying"), ("strategy", "buy")),
    SettingTab("orders", mark("Orders"), ("orders", "fees")),
    SettingTab("stops", mark("Stops"), ("stops",)),
    SettingTab("schedule", mark("Schedule"), ("schedule",)),
    SettingTab("guards", mark("Guards"), ("guards",)),
    SettingTab("notify", mark("Notify"), ("notify",)),
    SettingTab("data", mark("Data"), ("quotes", "network", "storage", "updates")),
    SettingTab("screen", mark("Screen"), ("language", "screen")),
)


def tab_of(key: str) -> SettingTab:
    """The tab that shows a key, or a table; the first one where none does."""
    return next((tab for tab in TABS if any(key == each or key.startswith(f"{each}.") for each in tab.holds)), TABS[0])


NAMES: Mapping[str, SettingName] = {
    "mode": SettingName(mark("Mode", context="setting")),
    "language": SettingName(mark("Language", context="setting")),
    "factorcat.base_url": SettingName(mark("Factor Cat address", context="setting")),
    "factorcat.ca_file": SettingName(mark("Trusted certificate file", context="setting")),
    "factorcat.certificate_sha256": SettingName(mark("Certificate fingerprint", context="setting")),
    "factorcat.timeout": SettingName(mark("Answer timeout", context="setting"), _SECONDS),
    "factorcat.username": SettingName(mark("User name", context="setting")),
    "factorcat.remember": SettingName(mark("Remember the password", context="setting")),
    "factorcat.auto_login": SettingName(mark("Log in at the start", context="setting")),
    "factorcat.returns": SettingName(mark("Unit of returns", context="setting")),
    "qmt.userdata": SettingName(mark("MiniQMT folder", context="setting")),
    "qmt.account": SettingName(mark("Account number", context="setting")),
    "qmt.account_type": SettingName(mark("Account type", context="setting")),
    "qmt.session_ids": SettingName(mark("Session ids", context="setting")),
    "quotes.sources": SettingName(mark("Quote sources", context="setting")),
    "quotes.tencent": SettingName(mark("Tencent address", context="setting")),
    "network.proxy": SettingName(mark("Proxy", context="setting")),
    "strategy.strategy_id": SettingName(mark("Strategy number", context="setting")),
    "strategy.history_id": SettingName(mark("Record number", context="setting")),
    "strategy.empty_list": SettingName(mark("Empty list", context="setting")),
    "buy.amount_type": SettingName(mark("Amount per bond", context="setting")),
    "buy.amount": SettingName(mark("Fixed amount", context="setting"), _CNY),
    "buy.reserve": SettingName(mark("Cash reserve", context="setting"), _CNY),
    "buy.top": SettingName(mark("Bonds to hold", context="setting"), _BONDS),
    "buy.hold_band": SettingName(mark("Hold band", context="setting"), _RANKS),
    "orders.type": SettingName(mark("Order price", context="setting")),
    "orders.slippage": SettingName(mark("Slippage", context="setting"), _RATIO),
    "orders.timeout": SettingName(mark("Order timeout", context="setting"), _SECONDS),
    "orders.reprices": SettingName(mark("Reprices", context="setting"), _TIMES),
    "orders.at_exit": SettingName(mark("Open orders at exit", context="setting")),
    "stops.enabled": SettingName(mark("Stops", context="setting")),
    "stops.take_profit": SettingName(mark("Take-profit", context="setting"), _RATIO),
    "stops.stop_loss": SettingName(mark("Stop-loss", context="setting"), _RATIO),
    "stops.basis": SettingName(mark("Basis of stops", context="setting")),
    "stops.refill": SettingName(mark("Refill after stops", context="setting")),
    "stops.refill_time": SettingName(mark("Refill time", context="setting")),
    "schedule.frequency": SettingName(mark("Frequency", context="setting")),
    "schedule.every": SettingName(mark("Every", context="setting"), _TRADING_DAYS),
    "schedule.time": SettingName(mark("Time of the rebalance", context="setting")),
    "schedule.weekday": SettingName(mark("Weekday", context="setting")),
    "schedule.day": SettingName(mark("Day of the month", context="setting")),
    "schedule.roll": SettingName(mark("If closed on that day", context="setting")),
    "guards.max_order_amount": SettingName(mark("Most per order", context="setting"), _CNY),
    "guards.max_daily_buys": SettingName(mark("Most buys per day", context="setting"), _CNY),
    "guards.max_turnover_ratio": SettingName(mark("Most change of the list", context="setting"), _RATIO),
    "guards.min_list_ratio": SettingName(mark("Shortest list", context="setting"), _RATIO),
    "guards.max_skipped_ratio": SettingName(mark("Most unusable rows", context="setting"), _RATIO),
    "guards.max_list_age": SettingName(mark("Age of the list", context="setting"), _SESSIONS),
    "guards.undated_list": SettingName(mark("List without a date", context="setting")),
    "guards.max_daily_orders": SettingName(mark("Most orders per day", context="setting"), _ORDERS),
    "guards.max_price_distance": SettingName(mark("Most price distance", context="setting"), _RATIO),
    "guards.max_quote_age": SettingName(mark("Age of a price", context="setting"), _SECONDS),
    "guards.max_rejects": SettingName(mark("Rejects in a row", context="setting"), _ORDERS),
    "guards.cross_check": SettingName(mark("Price cross-check", context="setting")),
    "guards.cross_check_ratio": SettingName(mark("Cross-check tolerance", context="setting"), _RATIO),
    "guards.hold_slots": SettingName(mark("Keep blocked slots", context="setting")),
    "guards.sell_without_buys": SettingName(mark("Sell without buys", context="setting")),
    "guards.min_days_to_last_trade": SettingName(mark("Before the last trading day", context="setting"), _SESSIONS),
    "guards.sell_days_before_last_trade": SettingName(
        mark("Sell before the last trading day", context="setting"), _SESSIONS
    ),
    "guards.min_days_to_call": SettingName(mark("Before a possible call", context="setting"), _SESSIONS),
    "guards.min_days_to_maturity": SettingName(mark("Days to maturity", context="setting"), _DAYS),
    "guards.min_days_listed": SettingName(mark("Since the listing", context="setting"), _SESSIONS),
    "guards.redemption": SettingName(mark("Redemption table", context="setting")),
    "guards.self_test": SettingName(mark("Self-test", context="setting")),
    "fees.sh.rate": SettingName(mark("Commission, Shanghai", context="setting"), _RATIO),
    "fees.sh.minimum": SettingName(mark("Minimum, Shanghai", context="setting"), _CNY),
    "fees.sz.rate": SettingName(mark("Commission, Shenzhen", context="setting"), _RATIO),
    "fees.sz.minimum": SettingName(mark("Minimum, Shenzhen", context="setting"), _CNY),
    "notify.urls": SettingName(mark("Push services", context="setting")),
    "notify.push_level": SettingName(mark("Push from level", context="setting")),
    "notify.per_hour": SettingName(mark("Messages per hour", context="setting"), _MESSAGES),
    "notify.heartbeat_url": SettingName(mark("Heartbeat address", context="setting")),
    "notify.heartbeat_minutes": SettingName(mark("Heartbeat interval", context="setting"), _MINUTES),
    "notify.events.order": SettingName(mark("Order problems", context="setting")),
    "notify.events.stop": SettingName(mark("Stops fired", context="setting")),
    "notify.events.bond": SettingName(mark("Bond events", context="setting")),
    "notify.events.connection": SettingName(mark("Connections", context="setting")),
    "notify.events.trading": SettingName(mark("Trading off", context="setting")),
    "notify.events.missed": SettingName(mark("Missed runs", context="setting")),
    "notify.events.rebalance": SettingName(mark("Rebalances", context="setting")),
    "notify.events.opening": SettingName(mark("Before the open", context="setting")),
    "notify.events.closing": SettingName(mark("After the close", context="setting")),
    "notify.email.host": SettingName(mark("Mail server", context="setting")),
    "notify.email.port": SettingName(mark("Mail port", context="setting")),
    "notify.email.sender": SettingName(mark("Sender", context="setting")),
    "notify.email.receiver": SettingName(mark("Receivers", context="setting")),
    "notify.email.level": SettingName(mark("Mail from level", context="setting")),
    "storage.log_days": SettingName(mark("Keep logs", context="setting"), _DAYS),
    "storage.history_days": SettingName(mark("Keep history", context="setting"), _DAYS),
    "storage.message_days": SettingName(mark("Keep messages", context="setting"), _DAYS),
    "updates.url": SettingName(mark("Version document", context="setting")),
    "screen.theme": SettingName(mark("Theme", context="setting")),
    "screen.up": SettingName(mark("Colour of rises", context="setting")),
    "screen.chart_marks": SettingName(mark("Chart characters", context="setting")),
    "screen.mouse": SettingName(mark("Mouse", context="setting")),
    "screen.bell": SettingName(mark("Bell", context="setting")),
    "screen.columns": SettingName(mark("Columns of tables", context="setting")),
    "screen.details": SettingName(mark("Width of details", context="setting"), _CHARACTERS),
}
"""By key; each setting has one."""
