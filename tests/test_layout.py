"""Who may import whom: the contracts of pyproject.toml, and what really is loaded."""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.figures import figures

ROOT = Path(__file__).parent.parent
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
HEAVY = {"akshare", "pandas", "numpy", "xtquant"}
LOADED = """
import importlib, json, pkgutil, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), name + "."):
        importlib.import_module(found.name)
print(json.dumps(sorted(sys.modules)))
"""


def run_python(code: str, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": str(cwd), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


def loaded_by(*modules: str) -> set[str]:
    """The modules of a fresh process that has imported these, packages with all that is in them."""
    ran = run_python(LOADED, *modules)
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stdout))


def test_the_contracts_hold() -> None:
    ran = run_python(LINT)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_no_module_reaches_itself_by_imports(tmp_path: Path) -> None:
    assert dict(figures(ROOT))["modules in an import circle"] == 0
    for name, other in (("one", "two"), ("two", "one"), ("three", "one")):
        (tmp_path / "core").mkdir(exist_ok=True)
        (tmp_path / "core" / f"{name}.py").write_text(f"from core.{other} import x\ndef {name}(): ...\n")
    (tmp_path / "tests").mkdir()
    assert dict(figures(tmp_path))["modules in an import circle"] == 2


def test_the_contracts_detect_forbidden_imports(tmp_path: Path) -> None:
    for package in ("core", "tui"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "data"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module, line in {
        "core/rules/planted.py": "import sqlite3\nfrom core.infra import clock\n",
        "core/model/planted.py": "import core.trading\n",
        "core/infra/database.py": "import core.engine\n",
        "core/planted.py": "import textual\n",
        "tui/screens/planted.py": "import core.infra.home\n",
    }.items():
        with (tmp_path / module).open("a", encoding="utf-8") as file:
            file.write(line)
    ran = run_python(LINT, cwd=tmp_path)
    assert ran.returncode == 1
    assert "0 kept, 4 broken" in ran.stdout, ran.stdout


@pytest.mark.slow
def test_model_and_rules_load_no_input_or_output() -> None:
    forbidden = {"textual", "rich", "click", "httpx", "sqlite3", "sqlite_utils", "keyring", "apscheduler"} | HEAVY
    assert loaded_by("core.model", "core.rules") & forbidden == set()


@pytest.mark.slow
def test_all_of_core_loads_no_terminal_and_nothing_heavy() -> None:
    # rich is not among them: httpx loads it by itself where it is installed.
    assert loaded_by("core") & ({"textual", "tui"} | HEAVY) == set()


@pytest.mark.slow
@pytest.mark.parametrize("module", [pytest.param("app", marks=pytest.mark.slow), "cli.main"])
def test_starting_loads_nothing_heavy(module: str) -> None:
    assert loaded_by(f"tui.{module}") & HEAVY == set()


def test_only_the_translations_are_at_the_root_of_core() -> None:
    files = {path.name for path in (ROOT / "core").iterdir() if path.is_file()}
    assert files == {"__init__.py", "i18n.py", "retold.py"}


def test_every_folder_of_core_is_in_the_layout() -> None:
    folders = {path.parent.name for path in (ROOT / "core").glob("*/__init__.py")}
    assert folders == {
        *("engine", "sandbox", "trading", "notify", "brokers", "quotes", "bonds", "factorcat"),
        *("calendar", "akshare", "infra", "rules", "model"),
    }


@cache
def defined_classes() -> tuple[tuple[Path, ast.ClassDef], ...]:
    """Every class of the program, with its file."""
    return tuple(
        (path, found)
        for folder in ("core", "tui")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for found in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(found, ast.ClassDef)
    )


def test_every_exception_derives_from_rotor_s_base_class() -> None:
    """Found in the source: a class that derives from a built-in exception only has no place in the family."""
    family = {"RotorError"}
    strangers: list[str] = []
    classes = defined_classes()
    for _ in range(4):  # the family is four generations deep at most
        family |= {found.name for _, found in classes if family & {ast.unparse(base) for base in found.bases}}
    for path, found in classes:
        bases = {ast.unparse(base) for base in found.bases}
        if found.name not in family and any(base.endswith(("Error", "Exception")) for base in bases):
            strangers.append(f"{path.name}: {found.name}")
    assert strangers == []


def test_class_names_are_unique() -> None:
    names = Counter(found.name for _, found in defined_classes())
    assert [name for name, count in names.items() if count > 1] == []
