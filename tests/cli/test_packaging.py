"""The wheel has one top-level package of its own, and another distribution's `core` cannot break it."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core import __version__
from core.infra.program import own_command

ROOT = Path(__file__).parents[2]
START = "from rotor_app.__main__ import main; main()"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_has_one_top_level_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {
        "rotor_app",
        f"qmt_cb_rotation-{__version__}.dist-info",
    }
    assert any(name.endswith("rotor.mo") for name in names)
    assert [name for name in names if name.endswith(".po")] == []


@pytest.mark.slow
def test_installing_and_removing_another_core_package_does_not_break_rotor(wheel: Path, tmp_path: Path) -> None:
    site, home = tmp_path / "site", tmp_path / "home"
    zipfile.ZipFile(wheel).extractall(site)

    def rotor(*arguments: str) -> str:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("ROTOR_")}
        done = subprocess.run(
            [sys.executable, "-c", START, "--home", str(home), *arguments],
            cwd=site,
            env=environ | {"PYTHONPATH": str(site)},
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def check() -> None:
        assert rotor("--version") == f"rotor {__version__}\n"
        assert json.loads(rotor("plan", "--json"))["legs"]

    check()
    # Children are started by the path of the installed launcher.
    assert str(site / "rotor_app" / "__main__.py") in rotor("autostart", "show")
    other = site / "core"
    other.mkdir()
    (other / "__init__.py").write_text("raise ImportError('this is the other core')\n", "utf-8")
    check()
    shutil.rmtree(other)
    check()


@pytest.mark.slow
def test_a_child_runs_from_a_folder_with_its_own_core(tmp_path: Path) -> None:
    (tmp_path / "core.py").write_text("raise SystemExit('not the core of rotor')\n", "utf-8")
    done = subprocess.run(own_command("--version"), cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=60)
    assert done.stdout == f"rotor {__version__}\n"


def test_the_one_folder_build_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert own_command("run") == (sys.executable, "run")
