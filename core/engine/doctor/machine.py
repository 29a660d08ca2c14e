"""Checks of this machine."""

import platform
import shutil
import struct
import sys
import tempfile
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from core.calendar.calendar import Calendar
from core.engine.health import FULL_MB, LOW_MB
from core.i18n import listed, reasons, say
from core.infra.backups import backup_days
from core.infra.config import SettingsError, keys_in_file, load_settings
from core.infra.credentials import Credentials, from_environment
from core.infra.database import open_for_reading
from core.infra.home import ExclusiveLock, Home, HomeLock, HomeUnusable, database_files
from core.infra.service import AutostartFailed, autostart_of, is_on
from core.model.finding import CheckResult, Finding
from core.model.known import Unknown
from core.model.settings import Settings
from core.trading import books
from core.trading.state_store import TRADING

_OLDEST, _NEWEST = (3, 11), (3, 13)
"""The versions that pyproject.toml admits."""

_SOON = timedelta(days=30)


def check_python(mode: str) -> Finding:
    version, bits = sys.version_info[:2], struct.calcsize("P") * 8
    told = say(
        "Python {version}, {bits} bit, on {system}",
        version=platform.python_version(),
        bits=bits,
        system=f"{platform.system()} {platform.release()}",
    )
    if not _OLDEST <= version <= _NEWEST:
        remedy = say("Install rotor with Python 3.11, 3.12 or 3.13.")
        return Finding.failed("python", say("{told}: rotor was not made for it", told=told), remedy)
    if mode == "live" and bits != 64:
        remedy = say("Install a 64-bit Python.")
        return Finding.failed("python", say("{told}: MiniQMT's SDK needs 64 bit", told=told), remedy)
    return Finding.ok("python", told)


def check_settings(home: Home, mode: str | None) -> tuple[Finding, Settings | None]:
    try:
        settings = load_settings(home.path, {} if mode is None else {"mode": mode})
        keys = keys_in_file(home.path)
    except SettingsError as error:
        text = reasons(error.problems)
        remedy = say("Mend them in {file}; rotor config check names what is wrong.", file=home.config_file)
        return Finding.failed("settings", say("they cannot be used: {text}", text=text), remedy), None
    text = say("{mode} mode, every setting is the default", mode=say(settings.mode))
    if keys:
        text = say(
            "{mode} mode, {count} keys in {file}", mode=say(settings.mode), count=len(keys), file=home.config_file
        )
    return Finding.ok("settings", text), settings


def check_home(home: Home) -> Finding:
    """Whether it can be written; does not create it."""
    for folder in (home.path, home.data, home.logs):
        place = _nearest(folder)
        try:
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError as error:
            text = say("{place} cannot be written: {why}", place=place, why=error.strerror or error)
            return Finding.failed("home", text, say("Choose a folder that you may write, with --home or ROTOR_HOME."))
    if not home.path.is_dir():
        return Finding.ok("home", say("{path} will be made at the first start", path=home.path))
    return Finding.ok("home", str(home.path))


def check_disk(home: Home) -> Finding:
    try:
        free = shutil.disk_usage(_nearest(home.path)).free // 1_000_000
    except OSError as error:
        return Finding.failed("disk", say("it cannot be looked at: {why}", why=error.strerror or error))
    remedy = say("Make room: an order is written down before it is sent, and cannot be without.")
    if free < FULL_MB:
        return Finding.failed("disk", say("{free} MB left", free=free), remedy)
    if free < LOW_MB:
        return Finding.warning("disk", say("{free} MB left", free=free), remedy)
    return Finding.ok("disk", say("{free:.0f} GB free", free=free / 1000))


def check_storage(home: Home) -> Finding:
    """How much the data folder's parts take."""
    parts = (
        (say("logs"), home.logs.glob("*")),
        (say("orders and fills"), (path for path in home.data.glob("*.db*") if not path.name.startswith("outbox"))),
        (say("messages"), home.data.glob("outbox*")),
        (say("tables of bonds"), (home.data / "tables").glob("*")),
    )
    try:
        sizes = [(name, sum(path.stat().st_size for path in paths if path.is_file())) for name, paths in parts]
    except OSError as error:
        return Finding.note("storage", say("it cannot be looked at: {why}", why=error.strerror or error))
    return Finding.ok("storage", listed(f"{name} {size / 1e6:.1f} MB" for name, size in sizes))


def check_books(home: Home, settings: Settings) -> Finding:
    """Whether every row can be read, and the newest backup. Changes nothing."""
    databases = database_files(home, settings)
    try:
        with closing(open_for_reading(databases[0], TRADING)) as database:
            books.check_books(database)
    except FileNotFoundError:
        return Finding.ok("books", say("nothing was traded yet"))
    except HomeUnusable as error:
        return Finding.failed("books", str(error))
    if days := backup_days(databases):
        return Finding.ok("books", say("sound, newest backup {day}", day=days[-1]))
    return Finding.note("books", say("sound, no backup yet: an engine makes one each day"))


def check_keyring(settings: Settings, credentials: Credentials) -> Finding:
    trouble = credentials.probe()
    if trouble is None:
        return Finding.ok("keyring", say("the system's keyring keeps passwords"))
    text = say("the system's keyring cannot be used: {trouble}", trouble=trouble)
    if settings.mode == "sandbox" and not settings.notify.email.host:
        return Finding.note("keyring", text, say("The sandbox needs no password."))
    if from_environment() is not None:
        return Finding.note("keyring", text, say("A variable gives the password meanwhile."))
    if credentials.has_safe:
        remedy = say("An encrypted file has the passwords: its passphrase is asked for at the start.")
        return Finding.note("keyring", text, remedy)
    remedy = say("Run rotor secret set factorcat: it offers an encrypted file that a passphrase opens.")
    return Finding.warning("keyring", text, remedy)


def check_calendar(home: Home, mode: str, now: datetime) -> Finding:
    calendar = Calendar.of(home, mode)
    ends = calendar.verified_through
    remedy = say("Run rotor calendar update.")
    if calendar.trouble is not None:
        return Finding.warning("calendar", calendar.trouble, remedy)
    if mode == "sandbox":
        return Finding.ok("calendar", say("known to {ends}; the sandbox has days of its own", ends=ends))
    if isinstance(calendar.is_session(now.date()), Unknown) or ends < now.date():
        text = say("known to {ends} only: no order is sent on a day that is not known", ends=ends)
        return Finding("calendar", CheckResult.FAILED if mode == "live" else CheckResult.WARNING, text, remedy)
    if ends - now.date() < _SOON:
        return Finding.warning("calendar", say("known to {ends} only", ends=ends), remedy)
    return Finding.ok("calendar", say("known to {ends}", ends=ends))


def check_instance(home: Home, settings: Settings) -> tuple[Finding, bool]:
    """Which process uses the data folder, and which one trades the account, if any."""
    try:
        holder = HomeLock(home).holder()
    except OSError as error:
        text = say("who runs in this home cannot be found out: {why}", why=error.strerror or error)
        return Finding.warning("instance", text), True
    userdata = Path(settings.qmt.userdata)
    if settings.mode == "live" and settings.qmt.account and userdata.is_dir():
        try:
            other = ExclusiveLock(userdata, f"rotor-{settings.qmt.account}", "").holder()
        except OSError:
            other = None
        if other is not None and (holder is None or other.pid != holder.pid):
            text = say(
                "account {account} is traded by another rotor: {other}", account=settings.qmt.account, other=other
            )
            remedy = say("Close the other one first: only one rotor may trade an account.")
            return Finding.failed("instance", text, remedy), True
    if holder is not None:
        return Finding.ok("instance", say("a rotor runs in this home: {holder}", holder=holder)), True
    return Finding.ok("instance", say("no rotor runs in this home")), False


def check_autostart(home: Home) -> Finding:
    """Whether the engine begins by itself at log-on."""
    try:
        autostart = autostart_of(home)
    except AutostartFailed as error:
        return Finding.note("autostart", str(error))
    state = is_on(autostart)
    if state is None:
        text = say("{file} differs from what this rotor would write", file=autostart.file)
        return Finding.warning("autostart", text, say("Run rotor autostart on, or off, to make it one."))
    if state:
        return Finding.ok("autostart", say("the engine begins at log-on ({name})", name=autostart.name))
    text = say("the engine does not begin by itself at log-on")
    return Finding.note("autostart", text, say("rotor autostart on sets that up, and a restart after a crash."))


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
