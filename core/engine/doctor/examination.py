"""The whole examination, in the order of a trading day."""

import asyncio
from collections.abc import Awaitable

from core.calendar.calendar import Calendar
from core.engine.doctor import machine, services
from core.i18n import say
from core.infra.clock import RealClock
from core.infra.credentials import Credentials
from core.infra.home import Home
from core.model.finding import CheckResult, Finding
from core.model.snapshot import Level, Snapshot

_PATIENCE = 40.0
"""Seconds that one group of checks may take, besides the answers of the platform."""

_ANSWERS = 4
"""Answers that the checks of the platform wait for: its state, the login, the token and the list."""

_STATES = {Level.ERROR: CheckResult.FAILED, Level.WARNING: CheckResult.WARNING}


async def examine(
    home: Home, mode: str | None = None, *, running: Snapshot | None = None, credentials: Credentials | None = None
) -> tuple[Finding, ...]:
    """Check everything; never raises, and changes nothing in the data folder.

    `running`: the snapshot of the engine that runs in this data folder. It then answers for the terminal and the
    prices: a second connection would disturb the first. `credentials`: that engine's, else one is made.
    """
    settings_found, settings = await asyncio.to_thread(machine.check_settings, home, mode)
    home_found = [
        await asyncio.to_thread(check, home)
        for check in (machine.check_home, machine.check_disk, machine.check_storage)
    ]
    if settings is None:
        rest = Finding.note("the rest", say("not looked at: the settings cannot be used"))
        return (machine.check_python("sandbox"), settings_found, *home_found, rest)
    credentials = credentials or Credentials.of(home)
    calendar = Calendar.of(home, settings.mode)
    now = RealClock().now()
    keyring, (instance, busy) = await asyncio.gather(
        asyncio.to_thread(machine.check_keyring, settings, credentials),
        asyncio.to_thread(machine.check_instance, home, settings),
    )
    books = await asyncio.to_thread(machine.check_books, home, settings)
    qmt = await asyncio.to_thread(services.check_qmt, settings)

    async def prices_and_clock() -> list[Finding]:
        tables = await asyncio.to_thread(services.check_tables, home, settings, calendar)
        if running is not None:
            return [*_as_it_runs(running, ("quotes", "clock")), tables]
        found, price = await services.check_prices(home, settings, calendar)
        return [found, tables, await services.check_clock(settings, price, calendar.orders_allowed(now) is None)]

    async def terminal() -> list[Finding]:
        if running is not None and settings.mode == "live":
            return _as_it_runs(running, ("QMT",))
        if busy and settings.mode == "live":
            # A second connection with a session id that is in use would end the first one.
            return [Finding.note("terminal", say("not looked at: another rotor may be connected to it"))]
        return await services.check_terminal(settings, qmt)

    groups = await asyncio.gather(
        _in_time(
            "login",
            services.check_platform(settings, credentials, calendar),
            _PATIENCE + _ANSWERS * settings.factorcat.timeout,
        ),
        _in_time("terminal", terminal()),
        _in_time("quotes", prices_and_clock()),
        _in_time("mail", services.check_mail(settings, credentials, home)),
        _in_time("heartbeat", services.check_heartbeat(settings)),
        _in_time("updates", services.check_updates(settings)),
    )
    return (
        machine.check_python(settings.mode),
        settings_found,
        *home_found,
        books,
        instance,
        await asyncio.to_thread(machine.check_autostart, home),
        keyring,
        machine.check_calendar(home, settings.mode, now),
        qmt,
        *(finding for group in groups for finding in group),
    )


async def _in_time(name: str, checks: Awaitable[list[Finding]], patience: float = _PATIENCE) -> list[Finding]:
    try:
        async with asyncio.timeout(patience):
            return await checks
    except TimeoutError:
        return [Finding.failed(name, say("no answer within {seconds:.0f} s", seconds=patience))]
    except Exception as error:
        return [Finding.failed(name, say("the check itself failed: {error}", error=f"{type(error).__name__}: {error}"))]


def _as_it_runs(running: Snapshot, names: tuple[str, ...]) -> list[Finding]:
    """What the running engine says of its own connections."""
    return [
        Finding(
            "terminal" if one.name == "QMT" else one.name,
            _STATES.get(one.level, CheckResult.OK),
            say("as the running engine sees it: {text}", text=one.text),
        )
        for one in running.health
        if one.name in names
    ]
