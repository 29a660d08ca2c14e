"""The command line as a script sees it: one JSON document, exit codes, sentences on stderr."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from core import __version__
from core.infra.config import load_settings
from tests.cli.command import rotor, rotor_process
from tui.cli.main import main


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(tmp_path / "home")


@pytest.mark.slow
def test_version_and_help_answer_without_the_app() -> None:
    assert rotor_process("--version").stdout == f"rotor {__version__}\n"
    helped = rotor("--help")
    assert helped.returncode == 0
    assert "Examples:" in helped.stdout
    for command in ("demo", "rehearse", "plan", "rebalance", "status", "config", "export", "calendar"):
        assert command in helped.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["demo"],
        ["rehearse"],
        ["plan"],
        ["rebalance"],
        ["status"],
        ["config", "init"],
        ["calendar", "show"],
        ["calendar", "update"],
    ],
)
def test_every_command_helps_with_an_example(command: list[str]) -> None:
    helped = CliRunner().invoke(main, [*command, "--help"])
    assert helped.exit_code == 0
    assert "Example" in helped.output


@pytest.mark.slow
def test_a_plan_is_one_json_document_and_sends_nothing(home: str) -> None:
    with_suspended = {"ROTOR_STRATEGY__STRATEGY_ID": "25", "ROTOR_STRATEGY__HISTORY_ID": "2502"}
    done = rotor_process("--home", home, "plan", "--json", **with_suspended)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert set(plan) >= {"plan_id", "mode", "trading_day", "selection", "cash", "legs", "kept", "blocked", "refused"}
    assert plan["mode"] == "sandbox"
    assert plan["refused"] is None
    assert plan["selection"]["trade_date"] == plan["trading_day"] == "2026-05-15"
    assert set(plan["legs"][0]) >= {"side", "code", "name", "volume", "price", "amount", "reason"}
    reasons = {row["code"]: row["reason"] for row in plan["blocked"]}
    assert reasons["127033.SZ"].startswith("its trading ended on 2025-09-16 [sandbox 2026-05-15 09:00]")
    assert reasons["111013.SH"].startswith("called: last trading day 2026-05-28, 9 sessions away [sandbox 2026-05-15")
    status = json.loads(rotor("--home", home, "status", "--json").stdout)
    assert status["last_rebalance"] is None
    assert status["ledger"] == []


def test_a_rebalance_runs_to_its_end_and_the_files_agree(home: str) -> None:
    quick = {"ROTOR_ORDERS__TYPE": "market"}
    done = rotor("--home", home, "rebalance", "--yes", "--json", **quick)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["unresolved"] == []
    assert all(leg["status"] == "filled" and leg["filled_volume"] == leg["volume"] for leg in result["legs"])
    assert {"client_order_id", "average_price", "fee"} <= set(result["legs"][0])
    spent = sum(leg["average_price"] * leg["filled_volume"] + leg["fee"] for leg in result["legs"])
    assert result["cash_after"] == pytest.approx(result["cash"] - spent, abs=0.01)
    status = json.loads(rotor("--home", home, "status", "--json").stdout)
    assert {row["code"]: row["volume"] for row in status["ledger"]} == {
        leg["code"]: leg["filled_volume"] for leg in result["legs"]
    }
    assert status["open_orders"] == []
    again = json.loads(rotor("--home", home, "rebalance", "--yes", "--json", **quick).stdout)
    assert again["legs"] == []
    assert sorted(again["kept"]) == sorted(leg["code"] for leg in result["legs"])
    exported = rotor("--home", home, "export", "fills")
    assert exported.stdout.splitlines()[0].startswith("key,kind,trading_day")
    assert len(exported.stdout.splitlines()) > len(result["legs"])


def test_a_rebalance_in_which_nothing_can_be_bought_is_refused(home: str) -> None:
    done = rotor("--home", home, "rebalance", "--yes", "--json", ROTOR_BUY__AMOUNT="100")
    assert done.returncode == 3, done.stderr
    result = json.loads(done.stdout)
    assert result["legs"] == []
    reasons = [row["reason"] for row in result["blocked"]]
    assert sum("buys no lot" in reason for reason in reasons) == len(reasons) == 10


def test_a_partly_filled_rebalance_ends_with_exit_code_1(home: str) -> None:
    """One second at a limit price that is rarely filled at once, and no retry."""
    hasty = {"ROTOR_ORDERS__TIMEOUT": "1", "ROTOR_ORDERS__REPRICES": "0"}
    done = rotor("--home", home, "rebalance", "--yes", "--json", **hasty)
    result = json.loads(done.stdout)
    short = [leg for leg in result["legs"] if leg["filled_volume"] < leg["volume"]]
    assert done.returncode == (1 if short else 0)
    assert result["unresolved"] == []


def test_a_rebalance_without_confirmation_sends_nothing(home: str) -> None:
    done = rotor("--home", home, "rebalance")
    assert done.returncode != 0
    status = json.loads(rotor("--home", home, "status", "--json").stdout)
    assert status["last_rebalance"] is None


def test_json_without_yes_is_bad_usage(home: str) -> None:
    assert rotor("--home", home, "rebalance", "--json").returncode == 2


def test_config_is_written_checked_and_shown(home: str) -> None:
    assert rotor("--home", home, "config", "init").returncode == 0
    assert rotor("--home", home, "config", "check").returncode == 0
    again = rotor("--home", home, "config", "init")
    assert again.returncode == 3
    assert "exists already" in again.stderr
    shown = json.loads(rotor("--home", home, "config", "show", "--json", ROTOR_BUY__AMOUNT="20000").stdout)
    assert float(shown["buy"]["amount"]) == 20_000


@pytest.mark.slow
def test_bad_settings_are_all_named_at_once(home: str) -> None:
    Path(home).mkdir()
    text = 'mode = "papper"\n[buy]\namonut = 5\n[schedule]\ntime = "20:00"\n'
    (Path(home) / "config.toml").write_text(text, encoding="utf-8")
    for command in (["config", "check"], ["plan"], ["rebalance", "--yes"], []):
        done = (rotor if command else rotor_process)("--home", home, *command)
        assert done.returncode == 2
        for words in ("papper", "buy.amount", "20:00"):
            assert words in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_live_mode_refuses_with_the_remedy(home: str) -> None:
    done = rotor_process("--home", home, "--mode", "live", "plan")
    assert done.returncode == 3
    assert "set qmt.account" in done.stderr


@pytest.mark.slow
def test_live_mode_says_in_one_sentence_what_this_machine_lacks(home: str) -> None:
    done = rotor_process("--home", home, "--mode", "live", "plan", ROTOR_QMT__ACCOUNT="8880001")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line]
    missing = "no such folder" if sys.platform == "win32" else "on 64-bit Windows only"
    assert missing in line
    assert "Nothing was sent" in line
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_paper_mode_without_a_login_is_refused_with_a_sentence(home: str) -> None:
    settings = {"ROTOR_STRATEGY__STRATEGY_ID": "1", "ROTOR_STRATEGY__HISTORY_ID": "2"}
    done = rotor("--home", home, "--mode", "paper", "plan", "--json", **settings)
    assert done.returncode == 3, done.stderr
    assert "Not logged in" in json.loads(done.stdout)["refused"]


@pytest.mark.slow
def test_an_unreachable_platform_is_refused_with_a_sentence(home: str) -> None:
    settings = {
        "ROTOR_STRATEGY__STRATEGY_ID": "1",
        "ROTOR_STRATEGY__HISTORY_ID": "2",
        "ROTOR_FACTORCAT__BASE_URL": "http://127.0.0.1:9",
        "ROTOR_FACTORCAT__USERNAME": "somebody",
        "ROTOR_FACTORCAT__PASSWORD": "s3cret-of-nobody",
    }
    done = rotor("--home", home, "--mode", "paper", "plan", "--json", **settings)
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["legs"] == []
    for text in (done.stdout, done.stderr, *[log.read_text(encoding="utf-8") for log in Path(home).rglob("*.log")]):
        assert "s3cret-of-nobody" not in text
        assert "Traceback" not in text


def test_an_export_without_trades_fails_with_a_sentence(home: str) -> None:
    done = rotor("--home", home, "export", "orders")
    assert done.returncode == 1
    assert "nothing was traded" in done.stderr


@pytest.mark.parametrize("command", [["status"], ["export", "orders"], ["plan"], ["rebalance", "--yes"]])
def test_a_damaged_database_is_named_without_a_traceback(home: str, command: list[str]) -> None:
    data = Path(home) / "data"
    data.mkdir(parents=True)
    (data / "app.db").write_bytes(b"this was never a database, " * 100)
    done = rotor("--home", home, *command)
    assert done.returncode == 1
    assert "app.db" in done.stderr or str(data) in done.stderr
    assert "Nothing was" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_is_not_safe_is_bad_settings(home: str) -> None:
    done = rotor("--home", home, "config", "check", ROTOR_FACTORCAT__BASE_URL="http://203.0.113.7")
    assert done.returncode == 2
    assert "factorcat.base_url" in done.stderr


def test_secrets_are_not_shown_with_the_settings(home: str) -> None:
    shown = rotor("--home", home, "config", "show", ROTOR_NOTIFY__URLS='["tgram://TOKEN-OF-NOBODY/1"]')
    assert shown.returncode == 0, shown.stderr
    assert "TOKEN-OF-NOBODY" not in shown.stdout


@pytest.mark.slow
def test_settings_written_by_eight_processes_at_once_are_all_kept(home: str) -> None:
    keys = ["max_daily_orders", "max_quote_age", "max_rejects", "min_days_to_last_trade", "min_days_to_call"]
    keys += ["min_days_to_maturity", "min_days_listed", "sell_days_before_last_trade"]
    for value in ("7", "8", "9"):
        arguments = [("--home", home, "config", "set", f"guards.{key}", value) for key in keys]
        with ThreadPoolExecutor(len(arguments)) as pool:
            done = list(pool.map(lambda each: rotor_process(*each), arguments))
        assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * len(keys)
        guards = load_settings(Path(home), environ={}).guards
        assert [str(getattr(guards, key)) for key in keys] == [value] * len(keys)
