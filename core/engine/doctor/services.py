"""Checks of the services: the platform, the terminal, prices, tables, mail and push."""

import asyncio
import sqlite3
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from core import __version__
from core.bonds.book import AkshareBondInfo
from core.brokers.broker import ConnectionStatus
from core.brokers.qmt import QmtBroker
from core.brokers.qmt_connection import SessionIds
from core.calendar.calendar import Calendar, list_days
from core.engine.assembly import real_sources
from core.engine.doctor.connection import check_connection
from core.engine.live import terminal_quotes, what_lacks
from core.factorcat.client import FactorCatClient
from core.factorcat.errors import FactorCatError, LoginRefused
from core.i18n import listed, mark, reasons, say, sentences
from core.infra.clock import RealClock
from core.infra.credentials import Credentials, platform_account
from core.infra.home import Home
from core.infra.network import ServiceUnavailable, async_client
from core.infra.updates import ask_for_release, newer
from core.model.finding import CheckResult, Finding
from core.model.known import Known, Unknown
from core.model.quote import Quote
from core.model.settings import Settings
from core.model.time import SHANGHAI
from core.notify.channels import MailFailed, NotSent, PushReceiver, mail_password, receivers_of, try_login
from core.notify.heartbeat import Signal, ping
from core.notify.outbox import failing_receivers
from core.quotes.failover import FailoverQuotes
from core.rules.record_parameters import rule_of
from core.rules.record_schedule import differences
from core.rules.selection import check_selection, list_age, notes_on
from core.rules.stops import ratios_of

_TERMINAL_PATIENCE = 15.0
_QUOTES_PATIENCE = 20.0
_SKEW, _WRONG = 5.0, 60.0
"""Seconds that the machine's clock may be off before it is reported, and before it counts as wrong."""

_SOME = 20
"""Bonds that are asked for."""

_BUILT_IN = mark("the sandbox has its own")


async def check_platform(settings: Settings, credentials: Credentials, calendar: Calendar) -> list[Finding]:
    """The way to the platform, the login, and the day's list of the record that is followed."""
    if settings.mode == "sandbox":
        return [Finding.ok("login", say(_BUILT_IN)), Finding.ok("list", say(_BUILT_IN))]
    unasked = Finding.note("list", say("not asked for: nobody is logged in"))
    connection = await check_connection(settings)
    if any(one.state is CheckResult.FAILED for one in connection):
        return [*connection, Finding.failed("login", say("not looked at: see above")), unasked]
    return [*connection, *await _check_login(settings, credentials, calendar, unasked)]


async def _check_login(
    settings: Settings, credentials: Credentials, calendar: Calendar, unasked: Finding
) -> list[Finding]:
    name = settings.factorcat.username
    found = await asyncio.to_thread(credentials.read, platform_account(settings.factorcat))
    if isinstance(found, Unknown):
        return [Finding.failed("login", found.reason, _how_to_log_in()), unasked]
    if not name or found.value is None:
        return [Finding.failed("login", say("no name or no password is stored"), _how_to_log_in()), unasked]
    client = FactorCatClient.of(settings, RealClock())
    try:
        user = await client.login(name, found.value.get_secret_value())
        login = Finding.ok("login", say("Factor Cat takes the password of {user}", user=user))
        return [login, await _check_list(settings, client, calendar), *await _check_record(settings, client)]
    except LoginRefused as error:
        return [Finding.failed("login", str(error), _how_to_log_in()), unasked]
    except FactorCatError as error:
        address = settings.factorcat.base_url
        remedy = say("See factorcat.base_url ({address}), your network, and your password.", address=address)
        return [Finding.failed("login", str(error), remedy), unasked]
    finally:
        await client.aclose()


async def _check_record(settings: Settings, client: FactorCatClient) -> list[Finding]:
    """Whether the stops and the schedule are those of the followed record."""
    chosen = settings.strategy
    if not chosen.history_id:
        return []
    try:
        parameters = Known(await client.parameters(chosen.strategy_id, chosen.history_id))
    except FactorCatError as error:
        remedy = say("The record's own stops are armed with what it said last, if it ever did.")
        return [Finding.warning("record", str(error), remedy)]
    stops = ratios_of(settings.stops, parameters).troubles if settings.stops.enabled else ()
    troubles = (*stops, *differences(rule_of(parameters), settings.schedule))
    if troubles:
        remedy = say("See [stops] and [schedule], or choose the record again: rotor proposes the schedule that fits.")
        return [Finding.warning("record", reasons(troubles), remedy)]
    return [Finding.ok("record", say("its stops are known, and the schedule is the record's"))]


async def _check_list(settings: Settings, client: FactorCatClient, calendar: Calendar) -> Finding:
    chosen, now = settings.strategy, RealClock().now()
    if not chosen.history_id:
        remedy = say("Choose one on the Strategies screen (2, then u).")
        return Finding.warning("list", say("no strategy is followed yet: nothing is bought"), remedy)
    try:
        selection = await client.selection(chosen.strategy_id, chosen.history_id)
    except FactorCatError as error:
        return Finding.failed("list", str(error), say("Without a list nothing is bought or sold for it."))
    days = list_days(calendar, now, settings.guards.max_list_age)
    refusal = days.reason if isinstance(days, Unknown) else check_selection(selection, None, days.value, settings)
    if isinstance(days, Unknown) or refusal is not None:
        return Finding.warning("list", refusal or "", say("This list is not traded."))
    told = say("{count} bonds, {dated}", count=len(selection.codes), dated=selection.dated)
    notes = notes_on(selection, list_age(selection, days.value))
    return Finding("list", CheckResult.NOTE, sentences((told, *notes))) if notes else Finding.ok("list", told)


def _how_to_log_in() -> str:
    return say("Start rotor and log in, or run rotor secret set factorcat.")


async def check_clock(settings: Settings, price: Quote | None, open_now: bool) -> Finding:
    """Against a price's own time while the exchange trades, else against the platform's server."""
    now = RealClock().now()
    if settings.mode == "sandbox":
        return Finding.ok("clock", say(_BUILT_IN))
    if price is not None and open_now:
        ahead, against = (price.at - now).total_seconds(), say("the exchange's newest price")
        if ahead <= _SKEW:  # an old price proves nothing about a clock that seems fast
            return Finding.ok("clock", say("not behind {against}", against=against))
    else:
        told = await _server_time(settings.factorcat.base_url, settings.network.proxy)
        if told is None:
            return Finding.note("clock", say("cannot be compared: no server reports the time now"))
        ahead, against = (told - now).total_seconds(), say("Factor Cat's server")
    off = abs(ahead)
    if off <= _SKEW:
        return Finding.ok("clock", say("within {off:.0f} s of {against}", off=max(off, 1.0), against=against))
    way = say("slow") if ahead > 0 else say("fast")
    text = say("{way} by {off:.0f} s against {against}", way=way, off=off, against=against)
    remedy = say("Let the system set its time: runs and stops go by it.")
    return Finding("clock", CheckResult.FAILED if off > _WRONG else CheckResult.WARNING, text, remedy)


async def _server_time(address: str, proxy: str) -> datetime | None:
    try:
        async with asyncio.timeout(5), async_client(address, proxy) as http, http.stream("GET", "/") as answer:
            return parsedate_to_datetime(answer.headers["date"]).astimezone(SHANGHAI)
    except Exception:  # then there is no time to compare with; the login's check says what is wrong
        return None


def check_qmt(settings: Settings) -> Finding:
    """The SDK and the folder."""
    wanted = settings.mode == "live" or (settings.mode == "paper" and "qmt" in settings.quotes.sources)
    if not wanted:
        return Finding.ok("qmt", say("not needed in {mode} mode", mode=say(settings.mode)))
    lacking = what_lacks(settings.qmt)
    if lacking is None:
        return Finding.ok("qmt", say("the SDK loads, and {folder} is there", folder=settings.qmt.userdata))
    if settings.mode == "paper":
        return Finding.note("qmt", lacking, say("Paper mode takes its prices from the other sources."))
    remedy = say("Live mode needs 64-bit Windows with MiniQMT, and qmt.userdata set to its userdata_mini folder.")
    return Finding.failed("qmt", lacking, remedy)


async def check_terminal(settings: Settings, qmt: Finding) -> list[Finding]:
    """Whether the terminal runs, is logged in, and answers for the account, over a connection of its own."""
    if settings.mode != "live":
        return [
            Finding.ok("terminal", say("not needed in {mode} mode", mode=say(settings.mode))),
            Finding.ok("account", say("paper money")),
        ]
    unasked = say("not looked at: see above")
    if qmt.state is CheckResult.FAILED:
        return [Finding.failed("terminal", unasked), Finding.failed("account", unasked)]
    if not settings.qmt.account:
        remedy = say("Set qmt.account to the number that MiniQMT shows.")
        account = Finding.failed("account", say("its number is not set"), remedy)
        return [Finding.note("terminal", say("not looked at: the account is not set")), account]
    first, last = settings.qmt.session_ids
    broker = QmtBroker(settings.qmt, RealClock(), SessionIds(first, last - first + 1, None), is_day_off=lambda: False)
    try:
        async with asyncio.timeout(_TERMINAL_PATIENCE):
            await broker.start()
            return await _ask_terminal(settings, broker)
    except TimeoutError:
        text = say("it did not answer within {seconds:.0f} s", seconds=_TERMINAL_PATIENCE)
        return [_no_terminal(text), Finding.failed("account", say("not known: the terminal does not answer"))]
    finally:
        await broker.stop()


async def _ask_terminal(settings: Settings, broker: QmtBroker) -> list[Finding]:
    account, connection = settings.qmt.account, broker.connection
    if not connection.connected:
        if connection.status is not ConnectionStatus.ACCOUNT_UNAVAILABLE:
            return [
                _no_terminal(connection.detail),
                Finding.failed("account", say("not known: the terminal is not there")),
            ]
        remedy = say("See in MiniQMT whether the account is logged in, and whether qmt.account is its number.")
        running = Finding.ok("terminal", say("MiniQMT runs and takes the connection"))
        return [running, Finding.failed("account", connection.detail, remedy)]
    asset = await broker.asset()
    running = Finding.ok("terminal", say("MiniQMT runs and answers"))
    if isinstance(asset, Unknown):
        remedy = say("See in MiniQMT whether the account's funds are shown.")
        return [running, Finding.failed("account", asset.reason, remedy)]
    positions = await broker.positions()
    if isinstance(positions, Unknown):
        return [running, Finding.failed("account", positions.reason)]
    told = say(
        "{account} is within reach: {cash:,.2f} CNY may be spent, {count} holdings",
        account=account,
        cash=asset.value.cash,
        count=len(positions.value),
    )
    return [running, Finding.ok("account", told)]


def _no_terminal(why: str) -> Finding:
    remedy = say("Start MiniQMT in its simple mode (极简模式) and log in there; then try again.")
    return Finding.failed("terminal", why, remedy)


async def check_prices(home: Home, settings: Settings, calendar: Calendar) -> tuple[Finding, Quote | None]:
    """Whether prices come, how old they are, and whether their units are plausible."""
    if settings.mode == "sandbox":
        return Finding.ok("quotes", say(_BUILT_IN)), None
    clock = RealClock()
    feed, book = real_sources(home, settings, clock, calendar, terminal_quotes(settings, clock, calendar))
    try:
        async with asyncio.timeout(_QUOTES_PATIENCE):
            await feed.start()
            found = await _some_price(feed, book)
            told = _told_price(found, calendar, feed.name)
    except TimeoutError:
        found = Unknown(say("no answer within {seconds:.0f} s", seconds=_QUOTES_PATIENCE))
        told = Finding.failed("quotes", found.reason, _no_prices())
    finally:
        await feed.stop()
    if told.state is not CheckResult.OK:
        troubled = [f"{one.name}: {one.reason}" for one in feed.states() if not one.works]
        if troubled:
            told = Finding("quotes", told.state, reasons([told.text, *troubled]), told.remedy)
    book.close()
    return told, found.value if isinstance(found, Known) else None


async def _some_price(feed: FailoverQuotes, book: AkshareBondInfo) -> "Known[Quote] | Unknown":
    """The newest price of a few bonds, whichever they are."""
    codes = book.codes()
    if not codes:
        universe = await feed.universe()
        if isinstance(universe, Unknown):
            return universe
        codes = universe.value
    found = (await feed.snapshot(codes[:_SOME])).values()
    priced = [quote for quote in found if isinstance(quote, Known)]
    if priced:
        return max(priced, key=lambda one: one.value.at)
    return next((one for one in found if isinstance(one, Unknown)), Unknown(say("it knows no bonds")))


def _told_price(found: "Known[Quote] | Unknown", calendar: Calendar, source: str) -> Finding:
    now = RealClock().now()
    open_now = calendar.orders_allowed(now) is None
    if isinstance(found, Unknown):
        state = CheckResult.FAILED if open_now else CheckResult.WARNING
        return Finding("quotes", state, found.reason, _no_prices())
    quote = found.value
    age = now - quote.at
    text = say(
        "{source}: {code} {name} {last} of {at:%m-%d %H:%M:%S}, volume {volume} 张",
        source=source,
        code=quote.code,
        name=quote.name,
        last=quote.last,
        at=quote.at,
        volume=quote.volume,
    )
    if open_now and age > timedelta(minutes=5):
        return Finding.warning("quotes", text, say("The exchange trades, and this price is old: see the source."))
    return Finding.ok("quotes", text)


def _no_prices() -> str:
    return say("Without prices nothing is ordered and no stop fires: see [quotes], MiniQMT, and your network.")


def check_tables(home: Home, settings: Settings, calendar: Calendar) -> Finding:
    """The age of the redemption table that would be used."""
    if settings.mode == "sandbox":
        return Finding.ok("tables", say(_BUILT_IN))
    clock = RealClock()
    _, book = real_sources(home, settings, clock, calendar, terminal_quotes(settings, clock, calendar))
    age, trouble, own = book.age(), book.trouble(), book.own_trouble()
    book.close()
    if own is not None:
        remedy = say("Correct the line and save the file: it is read each minute.")
        return Finding.warning("tables", own, remedy)
    if settings.guards.redemption == "off":
        return Finding.warning("tables", say("guards.redemption is off: called bonds are bought like others"))
    remedy = say("It is fetched when rotor starts; entries in your own bonds.csv take precedence.")
    if age is None:
        return Finding.note("tables", say("no table of calls (强赎) was fetched in this home yet"), remedy)
    if trouble is not None:
        return Finding.warning("tables", trouble, remedy)
    hours = age.total_seconds() / 3600
    return Finding.ok("tables", say("the table of calls is {hours:.0f} h old", hours=hours))


async def check_mail(settings: Settings, credentials: Credentials, home: Home) -> list[Finding]:
    """Mail is tried up to the login, and not sent; the addresses of push services are only read."""
    email = settings.notify.email
    mail = Finding.note("mail", say("no mail server is set: no mail is sent"))
    if email.host:
        try:
            password = await asyncio.to_thread(mail_password, email, credentials)
            await asyncio.to_thread(try_login, email, password)
            text = say("{host} takes the login; rotor notify test sends a mail", host=email.host)
            mail = Finding.ok("mail", text)
        except (MailFailed, NotSent) as error:
            mail = Finding.warning("mail", str(error), say("See [notify.email], and rotor secret set email."))
    receivers, troubles = await asyncio.to_thread(receivers_of, settings.notify, credentials)
    pushed = [receiver.name for receiver in receivers if isinstance(receiver, PushReceiver)]
    if troubles:
        push = Finding.warning("push", reasons(troubles), say("See notify.urls, and rotor secret set push."))
    elif pushed:
        push = Finding.ok("push", say("{names}; rotor notify test tries them", names=listed(pushed)))
    else:
        push = Finding.note("push", say("no push service is set"))
    return [mail, push, *_waiting(home)]


def _waiting(home: Home) -> list[Finding]:
    """Notifications that could not be delivered."""
    try:
        waiting = failing_receivers(home.outbox)
    except (OSError, sqlite3.Error):
        waiting = ()
    return [
        Finding.warning(
            "outbox",
            say("notifications for {name} are waiting: {why}", name=name, why=why),
            say("They are sent once it works again."),
        )
        for name, why in waiting
    ]


async def check_heartbeat(settings: Settings) -> list[Finding]:
    """The service is reached; its state does not change, since nobody knows here whether the engine works."""
    address = settings.notify.heartbeat_url
    if not address:
        return [Finding.note("heartbeat", say("none is set: a machine that is off reports nothing"))]
    try:
        await ping(address, Signal.LOG, say("rotor doctor was here"), settings.network.proxy)
    except ServiceUnavailable as error:
        return [Finding.warning("heartbeat", str(error), say("See notify.heartbeat_url."))]
    minutes = settings.notify.heartbeat_minutes
    if settings.mode == "sandbox":
        return [Finding.note("heartbeat", say("reached; the sandbox sends none"))]
    return [Finding.ok("heartbeat", say("reached; the engine pings every {minutes} min", minutes=minutes))]


async def check_updates(settings: Settings) -> list[Finding]:
    if not settings.updates.url:
        return [Finding.note("updates", say("version {version}; no address of news is set", version=__version__))]
    try:
        release = newer(await ask_for_release(settings.updates.url, settings.network.proxy), __version__)
    except ServiceUnavailable as error:
        return [Finding.note("updates", say("version {version}; no news: {error}", version=__version__, error=error))]
    if release is None:
        return [Finding.ok("updates", say("version {version} is the newest", version=__version__))]
    text = say("version {new} is out, this is {version}", new=release.version, version=__version__)
    return [Finding.note("updates", text, say("Read its notes first; rotor installs nothing by itself."))]
