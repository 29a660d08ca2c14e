"""Live mode on this machine: a terminal process, a Factor Cat on loopback, and rotor as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from miniqmt_emulator.control import Control
from miniqmt_emulator.launch import TerminalProcess

from core.model.time import SHANGHAI
from tests.live.factorcat import PASSWORD, RECORD, STRATEGY, USER, LoopbackPlatform

ROOT = Path(__file__).parents[2]
ACCOUNT = "8880001"
MOMENT = datetime(2026, 5, 15, 10, 0, tzinfo=SHANGHAI)
PATIENCE = 60.0

Record = dict[str, Any]


def bonds(count: int, first: int = 1) -> list[str]:
    """Codes of bonds, Shanghai and Shenzhen in turn."""
    return [f"113{n:03d}.SH" if n % 2 else f"127{n:03d}.SZ" for n in range(first, first + count)]


class ProcessWorld:
    """One account at one terminal; `home` is rotor's data folder. `with` ends everything."""

    def __init__(self, folder: Path, *, cash: float = 1_000_000, held: Iterable[str] = (), volume: int = 100) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        self.platform = LoopbackPlatform(f"{MOMENT:%Y-%m-%d}")
        self.terminal = TerminalProcess(folder / "userdata_mini", state=folder / "state.json")
        self._positions = [{"code": code, "volume": volume, "cost_price": 100.0} for code in held]
        self._cash = cash
        self.settings: dict[str, str] = {
            "MODE": "live",
            "FACTORCAT__BASE_URL": self.platform.url,
            "FACTORCAT__USERNAME": USER,
            "FACTORCAT__PASSWORD": PASSWORD,
            "QMT__USERDATA": str(self.terminal.userdata),
            "QMT__ACCOUNT": ACCOUNT,
            "QUOTES__SOURCES": '["qmt"]',
            "GUARDS__CROSS_CHECK": "off",
            "GUARDS__REDEMPTION": "off",
            "GUARDS__MAX_QUOTE_AGE": "20000",  # its prices are those of 10:00
            "STRATEGY__STRATEGY_ID": str(STRATEGY),
            "STRATEGY__HISTORY_ID": str(RECORD),
            "BUY__AMOUNT": "10100",
            "ORDERS__TYPE": "market",
            "ORDERS__TIMEOUT": "5",
        }

    def __enter__(self) -> "ProcessWorld":
        self.terminal.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.terminal.stop()
        self.platform.close()

    @property
    def control(self) -> Control:
        return self.terminal.control

    def furnish(self, codes: Sequence[str], latency: Mapping[str, float] | None = None) -> None:
        """A market of these bonds around 100 CNY, deep and traded, and the account in it."""
        self.control.reset(
            {
                "clock": f"{MOMENT:%Y-%m-%d %H:%M:%S}",
                "accounts": [{"account_id": ACCOUNT, "cash": self._cash, "positions": self._positions}],
                "instruments": [{"code": code, "name": f"bond {code[:6]}", "prev_close": 100.0} for code in codes],
                "settings": {"latency": {"default": 0.002, **(latency or {})}, "session_reuse_gap": 0.0},
            }
        )
        self.quote(codes)

    def environment(self) -> dict[str, str]:
        base = {name: text for name, text in os.environ.items() if not name.startswith("ROTOR_")}
        base |= {f"ROTOR_{name}": text for name, text in self.settings.items()}
        base["PYTHONPATH"] = str(ROOT)
        base["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
        return self.terminal.environment(base)

    def command(self, *arguments: str, late: float | None = None) -> list[str]:
        """`late`: seconds after which a scheduled run counts as missed, where it is not to be the real number."""
        shift = (self._moment() - datetime.now(SHANGHAI)).total_seconds()
        program = ["tests.live.rotor_at"] if late is None else ["tests.live.rotor_hasty", str(late)]
        return [sys.executable, "-m", *program, str(shift), "--home", str(self.home), *arguments]

    def start(self, *arguments: str, late: float | None = None) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(*arguments, late=late),
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def rotor(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        program = self.start(*arguments)
        out, err = program.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(program.args, program.returncode, out, err)

    def json(self, *arguments: str) -> tuple[int, Any]:
        """Exit code and document of a command."""
        done = self.rotor(*arguments, "--json")
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def permit(self) -> None:
        """Consent and self-test, which live mode needs before its first order."""
        agreed = self.rotor("consent", ACCOUNT, "--yes")
        assert agreed.returncode == 0, agreed.stderr
        tested = self.rotor("self-test", "--yes")
        assert tested.returncode == 0, tested.stdout + tested.stderr

    def adopt(self, *codes: str) -> None:
        done = self.rotor("adopt", *codes, "--yes")
        assert done.returncode == 0, done.stderr

    def next_day(self) -> None:
        """The next session at ten: yesterday's orders and trades are listed no more."""
        codes = [row["code"] for row in self.control.dump()["instruments"]]
        day = self.control.advance_day()
        self.platform.day = f"{day[:4]}-{day[4:6]}-{day[6:]}"
        self.control.set_clock(f"{self.platform.day} 10:00:00")
        self.quote(codes)

    def quote(self, codes: Iterable[str]) -> None:
        for code in codes:
            self.control.set_quote(code, 100.0, depth=100_000, volume_add=5_000)

    def held(self) -> dict[str, int]:
        """What the account holds at the terminal, code to 张."""
        return {row["code"]: row["volume"] for row in self.control.account(ACCOUNT)["positions"] if row["volume"]}

    def ledger(self) -> dict[str, int]:
        """The strategy's holdings as rotor reports them."""
        _, status = self.json("status")
        return {row["code"]: row["volume"] for row in status["ledger"]}

    def _moment(self) -> datetime:
        """The terminal's time."""
        return datetime.fromisoformat(self.control.dump()["clock"]["now"]).astimezone(SHANGHAI)
