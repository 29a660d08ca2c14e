"""The parts of live mode: what it needs on this machine, said in one sentence where it is missing."""

from pathlib import Path

from core.brokers.qmt import QmtBroker
from core.brokers.qmt_connection import SessionIds
from core.calendar.calendar import Calendar
from core.i18n import say
from core.infra import xtquant_sdk
from core.infra.clock import Clock
from core.infra.home import ExclusiveLock, HomeInUse, HomeUnusable
from core.model.errors import SetupError
from core.model.known import Known
from core.model.settings import QmtSettings, Settings
from core.quotes.feed import NoQuotes
from core.quotes.qmt import QmtQuotes
from core.trading.state_store import StateStore

_SESSION = "qmt_session"


class LiveUnavailable(SetupError):
    """Live mode cannot run here; the message says what is missing and what to do. Nothing was sent."""


def check_live(settings: Settings) -> None:
    """Raises `LiveUnavailable` where the settings are for live mode, and it cannot work on this machine."""
    if settings.mode != "live":
        return
    missing = what_lacks(settings.qmt)
    if not settings.qmt.account:
        error = say("live mode needs to know your account: set qmt.account to its number")
    elif missing is not None:
        error = say("live mode cannot run here: {missing}", missing=missing)
    else:
        return
    raise LiveUnavailable(say("{error}. Nothing was sent; sandbox and paper mode work without it.", error=error))


def claim_account(settings: Settings, clock: Clock) -> ExclusiveLock:
    """Lock the account for this process, whatever its data folder: two that follow one list would buy everything twice.

    The lock file is in the terminal's folder, in which the SDK has to write anyway. Raises `LiveUnavailable`.
    """
    account, userdata = settings.qmt.account, settings.qmt.userdata
    taken = say(
        "account {account} is traded by another rotor, in another data folder: {holder}. Close that one first.",
        account=account,
        holder="{holder}",
    )
    claim = ExclusiveLock(Path(userdata), f"rotor-{account}", taken)
    try:
        return claim.acquire("live", clock.now())
    except (HomeInUse, HomeUnusable) as error:
        reason = str(error)
    except OSError as error:
        reason = say(
            "live mode cannot run here: {userdata} cannot be written ({strerror}), and MiniQMT's SDK must write in it",
            userdata=userdata,
            strerror=error.strerror or error,
        )
    raise LiveUnavailable(say("{value}. Nothing was sent.", value=reason.rstrip(".")))


def qmt_broker(settings: Settings, clock: Clock, calendar: Calendar, state_store: StateStore) -> QmtBroker:
    """The account of the settings. Its session ids go on from the last run's: the terminal keeps a used one a while."""
    first, last = settings.qmt.session_ids
    used = state_store.recall(_SESSION)
    ids = SessionIds(
        first,
        last - first + 1,
        None if used is None else int(used),
        lambda number: state_store.keep(_SESSION, str(number)),
    )
    return QmtBroker(
        settings.qmt, clock, ids, is_day_off=lambda: calendar.is_session(clock.now().date()) == Known(value=False)
    )


def terminal_quotes(settings: Settings, clock: Clock, calendar: Calendar) -> QmtQuotes | NoQuotes:
    """The terminal's quotes, or none with the reason where there can be no terminal."""
    missing = what_lacks(settings.qmt)
    if missing is not None:
        return NoQuotes(missing)
    return QmtQuotes(clock, open_now=lambda: calendar.orders_allowed(clock.now()) is None)


def what_lacks(qmt: QmtSettings) -> str | None:
    """What MiniQMT lacks on this machine, None where it only has to run."""
    try:
        xtquant_sdk.trading_sdk()
        xtquant_sdk.quote_sdk()
    except xtquant_sdk.SdkMissing as error:
        return str(error)
    if not Path(qmt.userdata).is_dir():
        return say(
            "qmt.userdata is {userdata}, and there is no such folder: name MiniQMT's userdata_mini there",
            userdata=qmt.userdata,
        )
    return None
