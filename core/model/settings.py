"""Every setting, with its unit, its bounds and what it does: the file's comments and the checks are made from here."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from core.i18n import mark, say
from core.model.addresses import checked_address, ping_address, proxy_address, receivers_in
from core.model.bond import BondCode
from core.model.figures import UnitSetting
from core.model.setting_types import (
    Amount,
    AsRatio,
    AsShare,
    Fingerprint,
    Money,
    Plain,
    SessionTime,
    StopChoice,
    StopRatio,
)

Mode = Literal["sandbox", "paper", "live"]
MODES = (mark("sandbox"), mark("paper"), mark("live"))
ColumnSetting = Annotated[str, Field(pattern=r"^[a-z-]+\.[^=]+=(always|never)$")]
"""`table.Column=always` or `=never`; the column's name is the English one."""
LEAST_DETAILS, MOST_DETAILS = 30, 100
"""Cells of the details beside a table."""
_MOST = 2**31 - 1
"""The largest whole number of a setting: what the platform and MiniQMT take as an id."""

LONGEST_HOLDING = 250
"""Sessions between two rebalances at most: about a year of trading."""


class SettingsGroup(BaseModel):
    """A table of the settings file: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class FactorCatSettings(SettingsGroup):
    """The Factor Cat (因子猫) platform. The password is in the keyring, else ROTOR_FACTORCAT__PASSWORD."""

    base_url: Annotated[str, AfterValidator(checked_address)] = "https://api.yinzimao.com:8003"
    """Address of the platform; plain http only to this machine."""
    ca_file: Annotated[str, AfterValidator(str.strip)] = ""
    """Full path of a PEM file: only certificates that it holds, or that those have signed, are trusted. Empty: the
    public authorities decide."""
    certificate_sha256: Fingerprint = ""
    """SHA-256 of the platform's certificate: only that one is trusted, whatever its name and dates. Instead of a
    ca_file."""
    timeout: Annotated[int, Field(ge=1, le=120)] = 30
    """Seconds that a whole answer may take, however slowly it comes in."""
    username: str = ""
    """Name you log in with."""
    remember: bool = True
    """Keep the password in the keyring after a login."""
    auto_login: bool = True
    """Log in at the start with the remembered password."""
    returns: UnitSetting = "auto"
    """Unit of the platform's returns, drawdowns and win rates: 12 % is 0.12 as a ratio and 12 in percent."""

    @model_validator(mode="after")
    def _one_trust(self) -> "FactorCatSettings":
        if self.ca_file and self.certificate_sha256:
            raise ValueError(
                say("set ca_file or certificate_sha256, not both: it would not be clear which one is trusted")
            )
        return self


def _supported_account(value: object) -> object:
    """Raises `ValueError` for a type of account that rotor does not trade."""
    if value != "STOCK":
        raise ValueError(
            say(
                "rotor trades stock accounts (STOCK, 普通账户) only: a margin account (CREDIT, 信用账户) or another "
                "type is not supported; leave STOCK, and set qmt.account to the number of a stock account"
            )
        )
    return value


class QmtSettings(SettingsGroup):
    """The MiniQMT terminal, for live mode."""

    userdata: str = r"C:\迅投MiniQMT\userdata_mini"
    """Full path of the terminal's userdata_mini folder."""
    account: Annotated[str, Field(pattern="^[0-9A-Za-z]{0,23}$")] = ""
    """Your account number."""
    account_type: Annotated[Literal["STOCK"], BeforeValidator(_supported_account)] = "STOCK"
    """The account's type in MiniQMT. Only STOCK (普通账户); margin accounts (CREDIT, 信用账户) are not supported."""
    session_ids: tuple[Annotated[int, Field(gt=0, le=_MOST)], Annotated[int, Field(gt=0, le=_MOST)]] = (100, 109)
    """First and last session id that rotor uses in turn; each leaves files in userdata_mini."""

    @model_validator(mode="after")
    def _ordered(self) -> "QmtSettings":
        if self.session_ids[0] > self.session_ids[1]:
            raise ValueError(say("session_ids: the first id is above the last"))
        return self


class QuoteSettings(SettingsGroup):
    """Where prices come from. One decision uses the prices of one source; the next source checks them."""

    sources: Annotated[tuple[Literal["qmt", "tencent", "akshare"], ...], Field(min_length=1)] = (
        "qmt",
        "tencent",
        "akshare",
    )
    """Sources, best first: MiniQMT, Tencent's public service, akshare (Sina). Not used in sandbox mode."""
    tencent: Annotated[str, AfterValidator(checked_address)] = "https://qt.gtimg.cn"
    """Address of Tencent's service, or of your own mirror; plain http only to this machine."""


class NetworkSettings(SettingsGroup):
    """How rotor reaches Factor Cat, public quotes, bond tables and news of versions."""

    proxy: Annotated[str, AfterValidator(proxy_address)] = "none"
    """Proxy: none, system (the variables of the environment), or an address such as socks5://127.0.0.1:7890."""


class StrategySettings(SettingsGroup):
    """The strategy and the backtest record to follow; `Use this` on the Strategies screen sets both."""

    strategy_id: Annotated[int, Field(ge=0, le=_MOST)] = 0
    """Number of the strategy; 0 while none is chosen."""
    history_id: Annotated[int, Field(ge=0, le=_MOST)] = 0
    """Number of the backtest record."""
    empty_list: Literal["hold", "sell"] = "hold"
    """What an empty list means. hold: keep everything and ask; sell: a record with market timing (timingOption) has
    left the market, so sell everything."""


class BuySettings(SettingsGroup):
    """Which of the list's bonds to hold, and how much to buy of one that joined."""

    amount_type: Literal["fixed", "balance"] = "fixed"
    """fixed: the same amount for each bond; balance: the available cash, split over the bonds still to buy."""
    amount: Amount = Decimal("10000.0")
    """CNY for each bond, fees included, when fixed."""
    reserve: Money = Decimal("0.0")
    """CNY that are never spent."""
    top: Annotated[int, Field(ge=0, le=_MOST)] = 0
    """How many of the list's first bonds to hold; 0: all of them."""
    hold_band: Annotated[int, Field(ge=0, le=_MOST)] = 0
    """How many ranks below the first bonds (top) a bond of the strategy may fall before it is sold, a hold band
    (缓冲区); the list must be longer than top."""

    def first(self, codes: Sequence[BondCode]) -> tuple[BondCode, ...]:
        """Those of the list that are to be held."""
        return tuple(codes[: self.top] if self.top else codes)

    def kept(self, codes: Sequence[BondCode]) -> tuple[BondCode, ...]:
        """Those of the list that are not sold where the strategy owns them: the first ones and the hold band."""
        return tuple(codes[: self.top + self.hold_band] if self.top else codes)


class OrderSettings(SettingsGroup):
    """How orders are priced and how long they wait. Bonds trade by limit orders only."""

    type: Literal["limit", "market"] = "limit"
    """limit: at the last price; market: a limit through the best opposite quote by the slippage."""
    slippage: Annotated[Decimal, Field(ge=0, le=Decimal("0.1")), Plain, AsRatio] = Decimal("0.01")
    """How far a market order may go beyond the best opposite quote, a ratio."""
    timeout: Annotated[int, Field(ge=1, le=600)] = 30
    """Seconds after which the unfilled part is cancelled."""
    reprices: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a cancelled part is sent again at a new price."""
    at_exit: Literal["cancel", "leave"] = "cancel"
    """What happens to open orders when rotor ends."""


class StopSettings(SettingsGroup):
    """Take-profit and stop-loss of the strategy's holdings."""

    enabled: bool = True
    """Turn stops on."""
    take_profit: StopChoice | StopRatio = "strategy"
    """Ratio above the basis at which to sell (0.05 is 5 %), "strategy" for the record's own parameter, or "off"."""
    stop_loss: StopChoice | StopRatio = "strategy"
    """Ratio below the basis at which to sell (0.05 is 5 %), "strategy" for the record's own parameter, or "off"."""
    basis: Literal["cost", "prev_close", "both"] = "cost"
    """The basis of the ratios; both: the level that is reached first."""
    refill: bool = False
    """Buy the next bonds of the list for the slots that stops have freed today."""
    refill_time: SessionTime = "14:50"
    """When, in Shanghai time."""


class ScheduleSettings(SettingsGroup):
    """When the rebalance runs on its own, in Shanghai time, whatever this machine's time zone."""

    frequency: Literal["daily", "sessions", "weekly", "monthly", "off"] = "daily"
    """How often; sessions: every so many trading days; off: only when you start it."""
    every: Annotated[int, Field(ge=1, le=LONGEST_HOLDING)] = 5
    """Trading days from one rebalance to the next, when sessions: counted from the last one that was carried out, also
    by hand. The first one for a record is due on the next trading day."""
    time: SessionTime = "14:50"
    """Time of the day."""
    weekday: Literal["mon", "tue", "wed", "thu", "fri"] = "mon"
    """Day of the week, when weekly."""
    day: Annotated[int, Field(ge=1, le=31)] = 5
    """Day of the month, when monthly; in a shorter month, its last session."""
    roll: Literal["next", "previous", "skip"] = "next"
    """The session to use when that day is closed."""


class GuardSettings(SettingsGroup):
    """Limits for plans; what breaks one is refused or blocked, with the figure."""

    max_order_amount: Amount = Decimal("100000.0")
    """Most that one buy order may cost, CNY."""
    max_daily_buys: Amount = Decimal("1000000.0")
    """Most that all buys of a day may cost together, CNY."""
    max_turnover_ratio: Annotated[Decimal, Field(gt=0, le=1), Plain, AsShare] = Decimal("1.0")
    """How much of the list may change from one list to the next, a ratio."""
    min_list_ratio: Annotated[Decimal, Field(ge=0, le=1), Plain, AsShare] = Decimal("0.5")
    """A list shorter than this share of the last one is refused."""
    max_skipped_ratio: Annotated[Decimal, Field(ge=0, le=1), Plain, AsShare] = Decimal("0.2")
    """A list is refused where more than this share of its rows names no ordinary convertible bond."""
    max_list_age: Annotated[int, Field(ge=0, le=5)] = 1
    """How many sessions old a list may be. 0: today's only; 1: today's or the last session's."""
    undated_list: Literal["refuse", "allow"] = "refuse"
    """Whether a list without any date is accepted as today's."""
    max_daily_orders: Annotated[int, Field(ge=1, le=_MOST)] = 500
    """Most orders in a day; after that only safety and manual sales are sent."""
    max_price_distance: Annotated[Decimal, Field(gt=0, le=Decimal("0.2")), Plain, AsRatio] = Decimal("0.02")
    """How far an order may be beyond the best opposite quote, or that quote beyond the last price, a ratio."""
    max_quote_age: Annotated[int, Field(ge=5, le=_MOST)] = 300
    """Maximum age of a price for an order of a plan, in seconds of trading."""
    max_rejects: Annotated[int, Field(ge=1, le=_MOST)] = 5
    """Rejected orders in a row after which only safety and manual sales are sent, until you resume."""
    cross_check: Literal["live", "always", "off"] = "live"
    """The modes in which a second source must confirm the prices of a plan."""
    cross_check_ratio: Annotated[Decimal, Field(gt=0, le=Decimal("0.2")), Plain, AsRatio] = Decimal("0.01")
    """How far the two prices may differ, a ratio."""
    hold_slots: bool = True
    """Buy no replacement for a holding that left the list but cannot be sold."""
    sell_without_buys: Literal["ask", "allow"] = "ask"
    """What to do with a plan that sells although data of its buys are missing and none can be bought. ask: only you can
    start it, after a question; a scheduled run waits."""
    min_days_to_last_trade: Annotated[int, Field(ge=0, le=_MOST)] = 5
    """Buy no bond whose last trading day is this many sessions away or fewer."""
    sell_days_before_last_trade: Annotated[int, Field(ge=0, le=_MOST)] = 2
    """Sell the strategy's bond from this many sessions before its last trading day on."""
    min_days_to_call: Annotated[int, Field(ge=0, le=_MOST)] = 5
    """Buy no bond that may meet the conditions of a call (强赎) in this many sessions or fewer."""
    min_days_to_maturity: Annotated[int, Field(ge=0, le=_MOST)] = 180
    """Buy no bond with fewer days to maturity than this."""
    min_days_listed: Annotated[int, Field(ge=0, le=_MOST)] = 5
    """Buy no bond within this many sessions after its listing."""
    redemption: Literal["required", "warn", "off"] = "required"
    """What to do about buys without a redemption table; off: do not fetch it."""
    self_test: Literal["required", "waived"] = "required"
    """Whether live mode requires the self-test of the account's units."""


HIGHEST_FEE_RATE, HIGHEST_FEE_MINIMUM = Decimal("0.01"), Decimal(20)
"""No commission of a trade in bonds is higher than this ratio of its amount, or than this many CNY: exchanges allow
0.1 %, brokers ask some 0.01 % and at least 0 to 5 CNY. A higher one would raise a cost far enough to fire a stop."""


class Fee(SettingsGroup):
    """A broker's commission on one exchange."""

    rate: Annotated[Decimal, Field(ge=0, lt=HIGHEST_FEE_RATE), Plain]
    """Commission rate, a ratio of the amount."""
    minimum: Annotated[Decimal, Field(ge=0, le=HIGHEST_FEE_MINIMUM), Plain]
    """Minimum commission per order, CNY."""


class Fees(SettingsGroup):
    """Commission per exchange; bonds pay no stamp duty and no transfer fee."""

    sh: Fee = Fee(rate=Decimal("0.0001"), minimum=Decimal("1.0"))
    """Shanghai."""
    sz: Fee = Fee(rate=Decimal("0.0001"), minimum=Decimal("0.1"))
    """Shenzhen."""


class EmailSettings(SettingsGroup):
    """Reports by mail. The password is in the keyring, else ROTOR_NOTIFY__EMAIL__PASSWORD."""

    host: str = ""
    """SMTP server; empty for no mail."""
    port: Annotated[int, Field(ge=1, le=65535)] = 465
    """Port of the SMTP server."""
    sender: str = ""
    """Sender's address."""
    receiver: str = ""
    """Receivers' addresses, separated by commas, semicolons or blanks."""
    level: Literal["info", "warning", "error"] = "info"
    """Lowest level that is mailed."""

    @property
    def receivers(self) -> tuple[str, ...]:
        """The receivers one by one, without their names (`Name <address>`), whether or not they are addresses."""
        return receivers_in(self.receiver)


NewsLevel = Literal["off", "info", "warning", "error"]


class NotifyEvents(SettingsGroup):
    """The level of each kind of notification; off: not sent."""

    order: NewsLevel = "error"
    """An order was rejected, or its outcome is unknown."""
    stop: NewsLevel = "warning"
    """A stop fired, with what it sold."""
    bond: NewsLevel = "warning"
    """A bond that you hold is suspended, called, or near its last trading day."""
    connection: NewsLevel = "warning"
    """The broker or the quotes cannot be reached in a session, or work again."""
    trading: NewsLevel = "error"
    """Trading off or halted, a tripped breaker, a stop not armed, a failed part of the engine; and their end."""
    missed: NewsLevel = "error"
    """A scheduled run was missed."""
    rebalance: NewsLevel = "info"
    """A rebalance, refill, exit or sale has ended."""
    opening: NewsLevel = "info"
    """The check before the open: whether everything is ready."""
    closing: NewsLevel = "info"
    """The day in figures, after the close."""


class NotifySettings(SettingsGroup):
    """Who is notified by mail and push. `rotor notify test` sends a test."""

    urls: tuple[str, ...] = ()
    """Push services, as Apprise URLs; they contain tokens, so store them in the keyring."""
    push_level: Literal["info", "warning", "error"] = "warning"
    """Lowest level that is pushed."""
    per_hour: Annotated[int, Field(ge=1, le=240)] = 20
    """Most messages per receiver and hour; further ones are combined into the next message."""
    heartbeat_url: Annotated[str, AfterValidator(ping_address)] = ""
    """Address that the engine pings while it works, as healthchecks.io gives one: the only alarm for a machine that is
    off. Empty for none."""
    heartbeat_minutes: Annotated[int, Field(ge=1, le=60)] = 5
    """Minutes between two pings; the service's own period must be longer."""
    events: NotifyEvents = NotifyEvents()
    email: EmailSettings = EmailSettings()


class ScreenSettings(SettingsGroup):
    """How the terminal looks and behaves; a change on the Settings screen applies at once."""

    theme: Literal[
        "dark", "light", "contrast", "nord", "gruvbox", "dracula", "tokyo-night", "catppuccin", "solarized-light"
    ] = "dark"
    """Colours: dark, light, contrast (black and white with few colours), or a well-known theme."""
    up: Literal["red", "green"] = "red"
    """Colour of rising prices and of buying: red as in China, or green. Falling and selling take the other one."""
    chart_marks: Literal["braille", "box"] = "braille"
    """Characters of the charts: braille (fine dots); box (lines, coarser) where the font of the terminal lacks
    Braille."""
    mouse: bool = True
    """Use the mouse; off: the terminal selects text instead. From the next start."""
    bell: bool = True
    """Ring the terminal's bell on an alarm."""
    columns: tuple[ColumnSetting, ...] = ()
    """Columns that a table shows always or never, such as "positions.Age=never"; `c` on a screen writes them."""
    details: Annotated[int, Field(ge=LEAST_DETAILS, le=MOST_DETAILS)] = 46
    """Width in characters of the details beside a table, on a screen of 150 or more; `<`, `>` and the mouse change
    it."""


class StorageSettings(SettingsGroup):
    """How long rotor keeps what it writes. Orders and fills are kept for ever: reports and taxes need them."""

    log_days: Annotated[int, Field(ge=7, le=3650)] = 180
    """Days that the log of a day is kept."""
    history_days: Annotated[int, Field(ge=30, le=3650)] = 400
    """Days that steps of orders, plans and each minute's equity are kept; of earlier days the last equity stays."""
    message_days: Annotated[int, Field(ge=1, le=365)] = 14
    """Days that a message waits for a receiver that cannot be reached."""


class UpdateSettings(SettingsGroup):
    """News of new versions; nothing is ever installed."""

    url: Annotated[str, AfterValidator(lambda text: checked_address(text) if text.strip() else "")] = ""
    """Address of the version document, checked once a day; empty for none."""


class Settings(SettingsGroup):
    """All settings of a data folder."""

    mode: Mode = "sandbox"
    """sandbox: this machine only; paper: the real platform, paper money; live: MiniQMT, real money."""
    language: Literal["auto", "en", "zh"] = "auto"
    """Language of the screens."""
    factorcat: FactorCatSettings = FactorCatSettings()
    qmt: QmtSettings = QmtSettings()
    quotes: QuoteSettings = QuoteSettings()
    network: NetworkSettings = NetworkSettings()
    strategy: StrategySettings = StrategySettings()
    buy: BuySettings = BuySettings()
    orders: OrderSettings = OrderSettings()
    stops: StopSettings = StopSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    guards: GuardSettings = GuardSettings()
    fees: Fees = Fees()
    notify: NotifySettings = NotifySettings()
    storage: StorageSettings = StorageSettings()
    updates: UpdateSettings = UpdateSettings()
    screen: ScreenSettings = ScreenSettings()

    @property
    def cross_checked(self) -> bool:
        """Whether a plan's prices need a second source."""
        return self.guards.cross_check == "always" or (self.guards.cross_check == "live" and self.mode == "live")

    @model_validator(mode="after")
    def _reachable(self) -> "Settings":
        if self.orders.type == "market" and self.orders.slippage > self.guards.max_price_distance:
            raise ValueError(
                say(
                    "orders.slippage = {slippage} is above guards.max_price_distance = {max_price_distance}: "
                    "every order would be blocked",
                    slippage=self.orders.slippage,
                    max_price_distance=self.guards.max_price_distance,
                )
            )
        return self
