"""The import hook, and its activation in programs that know nothing of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import miniqmt_emulator
import pytest
from miniqmt_emulator.launch import AUTOLOAD, PACKAGE_ROOT
from miniqmt_emulator.protocol import USERDATA_VARIABLE

IMPORT_EVERYTHING = """
import sys
import xtquant, xtquant.xttrader, xtquant.xtdata, xtquant.xtconn, xtquant.xtdatacenter
print(xtquant.xttrader._XTQC_.__file__)
"""


def run(code: str, folder: Any, *, active: Any = "1", path: Any = ()) -> Any:
    environment = {name: text for name, text in os.environ.items() if name != USERDATA_VARIABLE}
    environment["MINIQMT_EMULATOR"] = active
    folders = [*path, AUTOLOAD]
    environment["PYTHONPATH"] = os.pathsep.join(str(item) for item in folders if item)
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def pretended_modules(tmp_path: Path) -> Any:
    """``requests`` and ``pkg_resources`` that leave a mark, and would print, when they are used."""
    for name in ("requests", "pkg_resources"):
        (tmp_path / f"{name}.py").write_text(
            f"import pathlib\npathlib.Path(r'{tmp_path}', 'used').touch()\n"
            "def get(*a, **k): print('network')\n"
            "def get_distribution(name): print('lookup')\n"
        )
    return tmp_path


@pytest.mark.usefixtures("sdk")
def test_unmodified_program(tmp_path: Path) -> None:
    result = run(IMPORT_EVERYTHING, tmp_path)
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()).parent == PACKAGE_ROOT / "miniqmt_emulator" / "native"
    assert result.stderr == ""


@pytest.mark.usefixtures("sdk")
def test_import_is_silent_and_asks_nobody(pretended_modules: Any) -> None:
    result = run("import xtquant", pretended_modules, path=[pretended_modules])
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert not (pretended_modules / "used").exists()


@pytest.mark.usefixtures("sdk")
def test_the_program_itself_may_use_those_modules(pretended_modules: Any) -> None:
    code = "import xtquant, requests; from pkg_resources import get_distribution; requests.get('x')"
    result = run(code, pretended_modules, path=[pretended_modules])
    assert (result.returncode, result.stdout) == (0, "network\n")


@pytest.mark.usefixtures("sdk")
def test_package_looks_normal(tmp_path: Path) -> None:
    code = (
        "import xtquant, importlib.resources, inspect\n"
        "assert type(xtquant.__loader__).__name__ == 'SourceFileLoader'\n"
        "assert importlib.resources.files('xtquant').joinpath('xtdata.ini').is_file()\n"
        "assert 'check_for_update' in inspect.getsource(xtquant)\n"
        "print(xtquant.__version__)"
    )
    result = run(code, tmp_path)
    assert result.returncode == 0, result.stderr


def test_nothing_happens_without_the_variable(tmp_path: Path) -> None:
    code = "import sys; print('miniqmt_emulator' in sys.modules)"
    assert run(code, tmp_path, active="0").stdout == "False\n"
    assert run(code, tmp_path, active="1").stdout == "True\n"


def test_search_path_is_left_alone(tmp_path: Path) -> None:
    code = "import sys; print([p for p in sys.path if 'miniqmt_emulator' in p])"
    assert run(code, tmp_path).stdout == f"{[str(AUTOLOAD)]!r}\n"


def test_another_sitecustomize_still_runs(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.other_ran = True")
    code = "import builtins, sys; print(builtins.other_ran)"
    environment = dict(os.environ, MINIQMT_EMULATOR="1")
    environment["PYTHONPATH"] = os.pathsep.join([str(AUTOLOAD), str(tmp_path)])
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("True\n", "")


def test_failing_activation_ends_the_program(tmp_path: Path) -> None:
    """It must not go on with the real native modules."""
    package = tmp_path / "miniqmt_emulator"
    (package / "autoload").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "autoload" / "sitecustomize.py").write_text((AUTOLOAD / "sitecustomize.py").read_text("utf-8"))
    environment = dict(os.environ, MINIQMT_EMULATOR="1", PYTHONPATH=str(package / "autoload"))
    result = subprocess.run([sys.executable, "-c", "print('went on')"], env=environment, capture_output=True, text=True)
    assert result.returncode != 0
    assert "went on" not in result.stdout
    assert "could not be activated" in result.stderr


@pytest.mark.usefixtures("sdk")
def test_installed_twice_and_removed() -> None:
    assert miniqmt_emulator.is_installed()
    miniqmt_emulator.install()
    hooks = [item for item in sys.meta_path if type(item).__module__ == "miniqmt_emulator.install"]
    assert len(hooks) == 1


def test_too_late(tmp_path: Path) -> None:
    code = (
        "import sys, types\n"
        "import miniqmt_emulator\n"
        "miniqmt_emulator.uninstall()\n"
        "assert not miniqmt_emulator.is_installed()\n"
        "sys.modules['xtquant.xtpythonclient'] = types.ModuleType('native')\n"
        "miniqmt_emulator.install()"
    )
    result = run(code, tmp_path)
    assert "install the emulator before xtquant" in result.stderr
