"""Live mode over the emulated terminal: healthy, then with one fault at a time, which is named."""

import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from keyring import get_keyring, set_keyring
from keyring.errors import KeyringLocked
from pydantic import SecretStr

from core.akshare.client import Table
from core.bonds.tables import REDEMPTION_COLUMNS, REDEMPTION_TABLE
from core.engine.doctor import machine
from core.engine.doctor.examination import examine
from core.engine.engine import Engine
from core.infra.clock import RealClock
from core.infra.credentials import Credentials
from core.infra.credentials_file import CredentialsFile
from core.infra.home import ExclusiveLock, Home
from core.model.command import Done, Examine
from core.model.finding import CheckResult, Finding
from core.model.settings import Settings
from core.model.time import SHANGHAI
from tests.infra.keyrings import BrokenKeyring, MemoryKeyring
from tests.live.factorcat import PASSWORD, RECORD, STRATEGY, USER, LoopbackPlatform
from tests.miniqmt.terminal import shared_terminal
from tests.notify.smtp import Server, smtp_server
from tests.sampled import sampled
from tui.cli.main import main

ACCOUNT = "8880001"
MOMENT = datetime(2026, 5, 15, 10, 0, tzinfo=SHANGHAI)
CODES = ("113052.SH", "127056.SZ")
_sessions = iter(range(7000, 9000, 10))


class Machine:
    """A data folder in live mode and all the services it needs."""

    def __init__(self, folder: Path, mails: Server, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.mails, self.patch = folder, mails, patch
        self.home = Home(folder / "home")
        self.home.prepare()
        self.ring = MemoryKeyring()
        set_keyring(self.ring)
        self.terminal = shared_terminal()
        self.platform = LoopbackPlatform(f"{MOMENT:%Y-%m-%d}")
        self.platform.listed = CODES
        self.platform.says_it_is = MOMENT.timestamp()
        self.userdata = self.terminal.userdata
        self.settings: dict[str, str] = {}
        self.now = MOMENT
        patch.setattr(RealClock, "now", lambda _: self.now)
        self.kept = ExitStack()
        self._furnish()

    def _furnish(self) -> None:
        instruments = [{"code": code, "name": f"bond {code[:6]}", "prev_close": 100.0} for code in CODES]
        self.terminal.control.reset(
            {
                "clock": {"now": MOMENT.isoformat(), "frozen": True},
                "accounts": [{"account_id": ACCOUNT, "cash": 50_000}],
                "instruments": instruments,
                "settings": {"latency": {"default": 0.001}, "session_reuse_gap": 0.0},
            }
        )
        for code in CODES:
            self.terminal.control.set_quote(code, 100.0, depth=100_000, volume_add=5_000)
        credentials = Credentials(CredentialsFile(self.home.credentials_file), {})
        credentials.keep(USER, SecretStr(PASSWORD))
        self.table(MOMENT - timedelta(hours=1))

    def table(self, fetched: datetime) -> None:
        """A stored redemption table of that age."""
        codes = [*(code[:6] for code in CODES), *(f"118{number:03d}" for number in range(300))]
        row = ("名", "4.49", None, "2030-07-10", "2025-03-03", "12.34", "113", "0/15 | 30", "", "正股")
        rows: tuple[dict[str, str | None], ...] = tuple(
            {**dict(zip(REDEMPTION_COLUMNS, (code, *row), strict=True))} for code in codes
        )
        (self.home.data / "tables").mkdir(exist_ok=True)
        document = Table(REDEMPTION_TABLE, fetched, REDEMPTION_COLUMNS, rows).as_document()
        (self.home.data / "tables" / f"{REDEMPTION_TABLE}.json").write_text(json.dumps(document), "utf-8")

    def write(self) -> None:
        session = next(_sessions)
        tables: dict[str, dict[str, str]] = {
            "": {"mode": '"live"'},
            "factorcat": {"base_url": f'"{self.platform.url}"', "username": f'"{USER}"'},
            "qmt": {
                "userdata": f"'{self.userdata}'",
                "account": f'"{ACCOUNT}"',
                "session_ids": f"[{session}, {session + 1}]",
            },
            "quotes": {"sources": '["qmt"]'},
            "strategy": {"strategy_id": str(STRATEGY), "history_id": str(RECORD)},
            "notify": {},
            "notify.email": {
                "host": '"127.0.0.1"',
                "port": str(self.mails.port),
                "sender": '"rotor@example.com"',
                "receiver": '"me@example.com"',
            },
        }
        for key, value in self.settings.items():
            table, _, name = key.rpartition(".")
            tables[table][name] = value
        lines: list[str] = []
        for table, keys in tables.items():
            lines += [f"[{table}]"] if table else []
            lines += [f"{name} = {value}" for name, value in keys.items()]
        self.home.config_file.write_text("\n".join(lines), encoding="utf-8")

    async def examined(self) -> dict[str, Finding]:
        self.write()
        findings = await examine(
            self.home, credentials=Credentials(CredentialsFile(self.home.credentials_file), {}, patience=5.0)
        )
        return {finding.name: finding for finding in findings}

    def close(self) -> None:
        self.kept.close()
        self.platform.close()


@pytest.fixture
async def well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Machine]:
    before = get_keyring()
    monkeypatch.setattr("core.engine.doctor.services._TERMINAL_PATIENCE", 3.0)
    monkeypatch.setattr("core.engine.doctor.services._QUOTES_PATIENCE", 3.0)
    monkeypatch.setattr("core.quotes.qmt.FIRST_TICK_TIMEOUT", 0.2)
    with smtp_server() as mails:
        made = Machine(tmp_path, mails, monkeypatch)
        yield made
        made.close()
    set_keyring(before)


def wrong(findings: dict[str, Finding]) -> dict[str, CheckResult]:
    return {name: one.state for name, one in findings.items() if one.state in {CheckResult.FAILED, CheckResult.WARNING}}


async def test_a_healthy_setup_passes_every_check(well: Machine) -> None:
    findings = await well.examined()
    assert wrong(findings) == {}, wrong(findings)
    assert set(findings) >= {
        *("python", "settings", "home", "disk", "instance", "keyring", "calendar", "qmt", "login", "list"),
        *(
            "dns",
            "tcp",
            "tls",
            "http",
            "terminal",
            "account",
            "quotes",
            "tables",
            "clock",
            "mail",
            "push",
            "heartbeat",
            "updates",
        ),
    }
    assert findings["account"].text == f"{ACCOUNT} is within reach: 50,000.00 CNY may be spent, 0 holdings"
    assert "113052.SH bond 113052 100.0" in findings["quotes"].text
    assert findings["list"].text == "2 bonds, dated 2026-05-15"
    assert findings["tables"].text == "the table of calls is 1 h old"
    assert well.mails.mails == []  # no output
    assert well.terminal.control.requests("order") == []


def unknown_key(well: Machine) -> None:
    well.settings["slippage"] = "0.5"


def keyring_locked(well: Machine) -> None:
    locked = BrokenKeyring(lambda _: KeyringLocked("it is locked"), "set")
    locked.kept = well.ring.kept
    set_keyring(locked)


def clock_slow(well: Machine) -> None:
    well.now = MOMENT - timedelta(minutes=2)


def calendar_ended(well: Machine) -> None:
    well.now = datetime(2027, 6, 1, 10, 0, tzinfo=SHANGHAI)


def platform_away(well: Machine) -> None:
    well.platform.close()
    well.platform.close = lambda: None  # type: ignore[method-assign]


def no_password(well: Machine) -> None:
    well.ring.kept.clear()


def old_list(well: Machine) -> None:
    well.platform.day = "2026-05-13"


def folder_missing(well: Machine) -> None:
    well.userdata = well.folder / "nowhere"


def terminal_not_running(well: Machine) -> None:
    well.userdata = well.folder / "userdata_mini"
    well.userdata.mkdir()


def account_not_logged_in(well: Machine) -> None:
    well.terminal.control.set_account_status(ACCOUNT, 3)


def another_account(well: Machine) -> None:
    well.settings["qmt.account"] = '"8880002"'


def margin_account(well: Machine) -> None:
    well.terminal.control.configure(distort={"XtAccountStatus": {"m_nAccountType": 3}})


def margin_account_in_the_settings(well: Machine) -> None:
    well.settings["qmt.account_type"] = '"CREDIT"'


def prices_dead(well: Machine) -> None:
    for code in CODES:
        well.terminal.control.hide_tick(code)


def table_old(well: Machine) -> None:
    well.table(MOMENT - timedelta(days=6))


def mail_refused(well: Machine) -> None:
    well.mails.hangs = True
    well.patch.setattr("core.notify.channels._SECONDS", 0.2)


def push_address_wrong(well: Machine) -> None:
    well.settings["notify.urls"] = '["nonsense://token"]'


def disk_full(well: Machine) -> None:
    full = SimpleNamespace(free=10_000_000)
    well.patch.setattr(machine, "shutil", SimpleNamespace(disk_usage=lambda _: full))


def another_rotor(well: Machine) -> None:
    claim = ExclusiveLock(Path(well.userdata), f"rotor-{ACCOUNT}", "{holder}").acquire("live", MOMENT)
    well.kept.callback(claim.release)


FAULTS: list[tuple[Callable[[Machine], None], dict[str, CheckResult], str]] = [
    (unknown_key, {"settings": CheckResult.FAILED}, "unknown key; the nearest is orders.slippage"),
    (keyring_locked, {"keyring": CheckResult.WARNING}, "it is locked"),
    (clock_slow, {"clock": CheckResult.FAILED}, "slow by 120 s against the exchange's newest price"),
    (no_password, {"login": CheckResult.FAILED}, "no password is stored"),
    (old_list, {"list": CheckResult.WARNING}, "The list is stale"),
    (
        folder_missing,
        dict.fromkeys(("qmt", "terminal", "account", "quotes"), CheckResult.FAILED),
        "no such folder",
    ),
    (terminal_not_running, {"terminal": CheckResult.FAILED, "account": CheckResult.FAILED}, "Start MiniQMT"),
    (account_not_logged_in, {"account": CheckResult.FAILED}, f"account {ACCOUNT} is not ready"),
    (another_account, {"account": CheckResult.FAILED}, "8880002"),
    (margin_account, {"account": CheckResult.FAILED}, "as an account of type CREDIT, not STOCK"),
    (margin_account_in_the_settings, {"settings": CheckResult.FAILED}, "rotor trades stock accounts (STOCK"),
    (prices_dead, {"quotes": CheckResult.FAILED}, "Without prices nothing is ordered"),
    (table_old, {"tables": CheckResult.WARNING}, "table of bonds is too old"),
    (mail_refused, {"mail": CheckResult.WARNING}, "did not answer on port"),
    (push_address_wrong, {"push": CheckResult.WARNING}, "Apprise has no service nonsense://"),
    (disk_full, {"disk": CheckResult.FAILED}, "10 MB left"),
    (another_rotor, {"instance": CheckResult.FAILED}, f"account {ACCOUNT} is traded by another rotor"),
]


@pytest.mark.parametrize(("fault", "named", "said"), sampled(FAULTS, 6), ids=[fault[0].__name__ for fault in FAULTS])
async def test_a_single_fault_is_named_and_nothing_else(
    fault: Callable[[Machine], None], named: dict[str, CheckResult], said: str, well: Machine
) -> None:
    fault(well)
    findings = await well.examined()
    assert wrong(findings) == named, {name: findings[name] for name in {*wrong(findings), *named}}
    first = findings[next(iter(named))]
    assert said in f"{first.text} {first.remedy}"
    assert first.remedy


async def test_a_list_of_the_last_session_is_good_and_said_to_be_old(well: Machine) -> None:
    well.platform.day = "2026-05-14"
    found = (await well.examined())["list"]
    assert found.state is CheckResult.NOTE
    assert "dated 2026-05-14. The list is 1 session old" in found.text


async def test_an_unreachable_platform_fails_its_port_and_the_login_only(well: Machine) -> None:
    platform_away(well)
    assert wrong(await well.examined()) == {"tcp": CheckResult.FAILED, "login": CheckResult.FAILED}


async def test_a_refused_login_is_told_apart_from_the_way_to_it(well: Machine) -> None:
    well.platform.answer = lambda _: []  # type: ignore[method-assign]
    findings = await well.examined()
    assert wrong(findings) == {"login": CheckResult.FAILED}
    assert [findings[step].state for step in ("dns", "tcp", "tls", "http")] == [CheckResult.OK] * 4


async def test_a_calendar_without_further_sessions_is_reported(well: Machine) -> None:
    calendar_ended(well)
    found = await well.examined()
    assert found["calendar"].state is CheckResult.FAILED
    assert "rotor calendar update" in found["calendar"].remedy


def run(*words: str, home: Path) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(main, ["--home", str(home), *words, "doctor", "--json"])
    document = json.loads(done.output)
    return done.exit_code, {row["name"]: row["state"] for row in document["findings"]}


@pytest.fixture
def no_keyring() -> Iterator[None]:
    before = get_keyring()
    yield
    set_keyring(before)


@pytest.mark.usefixtures("no_keyring")
def test_a_fresh_machine_is_ready_for_the_sandbox_and_unchanged(tmp_path: Path) -> None:
    code, states = run(home=tmp_path / "nothing" / "yet")
    assert code == 0
    assert set(states.values()) <= {"ok", "note"}
    assert list(tmp_path.iterdir()) == []


def test_a_fresh_machine_in_live_mode_names_everything_missing(tmp_path: Path) -> None:
    code, states = run("--mode", "live", home=tmp_path)
    assert code == 1
    on_the_way = {"dns", "tcp", "tls", "http"}  # by this machine's network
    assert {name for name, state in states.items() if state == "failed"} - on_the_way == {
        *("qmt", "terminal", "account", "login"),
        "quotes" if states["quotes"] == "failed" else "qmt",
    }


def test_invalid_settings_exit_with_code_2(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('mode = "real"\n', "utf-8")
    code, states = run(home=tmp_path)
    assert (code, states["settings"]) == (2, "failed")


def test_a_data_folder_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    code, states = run(home=tmp_path / "file" / "home")
    assert (code, states["home"]) == (1, "failed")


def test_a_running_sandbox_reports_its_own_state(tmp_path: Path) -> None:
    home = Home(tmp_path)
    engine = Engine(home, Settings())
    engine.start()
    try:
        engine.wait_ready()
        reply = engine.send(Examine()).result(30)
        assert isinstance(reply, Done)
        by_itself = {finding.name: finding for finding in reply.value}
        code, states = run(home=tmp_path)
    finally:
        engine.stop()
    assert {one.state for one in by_itself.values()} <= {CheckResult.OK, CheckResult.NOTE}
    assert "as the running engine sees it" in by_itself["quotes"].text
    assert code == 0
    assert set(states.values()) <= {"ok", "note"}


def test_the_printed_report(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--home", str(tmp_path), "--mode", "live", "doctor"])
    assert done.exit_code == 1
    assert re.search("^qmt +FAILED  ", done.output, re.MULTILINE)
    assert " > Live mode needs 64-bit Windows with MiniQMT" in done.output
    assert "Something has failed" in done.output
