"""Start at log-on: the files written, the system calls, and the state after a refusal."""

import configparser
import os
import stat
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from core.engine.doctor.machine import check_autostart
from core.infra.home import Home
from core.infra.service import AutostartFailed, autostart_of, is_on, turn_off, turn_on
from core.model.finding import CheckResult
from tui.cli.main import main

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in for systemctl is a shell script")

LAUNCHER = Path(__file__).parents[2] / "packaging" / "rotor_app" / "__main__.py"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / 'a home with % and "quotes"')
    home.prepare()
    return home


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that records its arguments, and fails if FAIL names one of them."""
    tools, told = tmp_path / "bin", tmp_path / "told"
    tools.mkdir()
    script = tools / "systemctl"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {told}\ncase "$*" in *"${{FAIL:-nothing}}"*) echo "no bus" >&2; exit 1;; esac\n',
        "utf-8",
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return told


def test_enable_and_disable(home: Home, told: Path) -> None:
    autostart = autostart_of(home)
    assert is_on(autostart) is False
    assert check_autostart(home).state is CheckResult.NOTE
    turn_on(autostart)
    assert is_on(autostart) is True
    assert check_autostart(home).state is CheckResult.OK
    turn_off(autostart)
    assert is_on(autostart) is False
    turn_off(autostart)  # twice is no failure
    unit = autostart.name
    assert told.read_text("utf-8").splitlines() == [
        "--user daemon-reload",
        f"--user enable {unit}",
        f"--user disable {unit}",
        "--user daemon-reload",
    ]


def test_unit_of_an_older_version_is_reported(home: Home, told: Path) -> None:
    autostart = autostart_of(home)
    turn_on(autostart)
    autostart.file.write_text(autostart.text.replace(f'"{LAUNCHER}"', '"-m" "tui"'), "utf-8")
    assert is_on(autostart) is None
    finding = check_autostart(home)
    assert finding.state is CheckResult.WARNING
    assert "rotor autostart on" in finding.remedy
    status = CliRunner().invoke(main, ["--home", str(home.path), "autostart", "show"])
    assert "autostart on" in status.output
    turn_on(autostart)
    assert is_on(autostart) is True


def test_systemd_accepts_the_unit(home: Home, told: Path) -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(autostart_of(home).text)
    service = unit["Service"]
    assert service["Restart"] == "on-failure"
    assert "3" in service["RestartPreventExitStatus"].split()
    escaped = str(home.path).replace('"', '\\"').replace("%", "%%")
    assert service["ExecStart"] == f'"{sys.executable}" "-P" "{LAUNCHER}" "--home" "{escaped}" "run"'


def test_a_foreign_unit_file_is_reported(home: Home, told: Path) -> None:
    autostart = autostart_of(home)
    turn_on(autostart)
    autostart.file.write_text("[Service]\nExecStart=/bin/old-rotor\n", "utf-8")
    assert is_on(autostart) is None
    assert check_autostart(home).state is CheckResult.WARNING


def test_a_refusing_system_leaves_no_file_and_names_a_remedy(
    home: Home, told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIL", "enable")
    autostart = autostart_of(home)
    with pytest.raises(AutostartFailed, match=r"no bus.*loginctl enable-linger"):
        turn_on(autostart)
    assert not autostart.file.exists()


def test_a_machine_without_systemd_is_reported(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with pytest.raises(AutostartFailed, match="systemctl is not there"):
        turn_on(autostart_of(home))
    with pytest.raises(AutostartFailed, match="sets up no start at log-on on plan9"):
        autostart_of(home, platform="plan9")


def test_the_windows_task_restarts_and_never_runs_twice(home: Home) -> None:
    autostart = autostart_of(home, platform="win32")
    task = ET.fromstring(autostart.text.partition("?>")[2])
    names = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    assert task.findtext(".//t:MultipleInstancesPolicy", namespaces=names) == "IgnoreNew"
    assert task.findtext(".//t:ExecutionTimeLimit", namespaces=names) == "PT0S"
    assert task.find(".//t:RestartOnFailure", names) is not None
    assert task.findtext(".//t:Command", namespaces=names) == sys.executable
    arguments = task.findtext(".//t:Arguments", namespaces=names)
    assert arguments == subprocess.list2cmdline(["-P", str(LAUNCHER), "--home", str(home.path), "run"])
    assert autostart.register == (("schtasks", "/Create", "/TN", autostart.name, "/XML", str(autostart.file), "/F"),)


def test_the_commands_show_the_file_before_writing_it(home: Home, told: Path) -> None:
    def rotor(*words: str, answer: str = "") -> tuple[int, str]:
        done = CliRunner().invoke(main, ["--home", str(home.path), "autostart", *words], input=answer)
        return done.exit_code, done.output

    code, said = rotor("on", answer="n\n")
    assert (code, "ExecStart=" in said, told.exists()) == (3, True, False)
    assert rotor("on", "--yes")[0] == 0
    code, said = rotor("show")
    assert code == 0
    assert ": on, " in said
    assert rotor("off")[0] == 0
    assert ": off, " in rotor("show")[1]
