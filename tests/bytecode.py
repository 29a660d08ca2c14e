"""Compiled modules of a test run, when Python may not write them beside the sources (PYTHONDONTWRITEBYTECODE).

Each worker and each process that a test starts would compile anew whatever it loads, and pytest its test modules, for
half of the time until the first test. They share one folder instead, in which links lead to what is already compiled
beside the installed packages. What git sees of the checkout stays clean.
"""

import contextlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_FOLDER = Path(__file__).parent.parent / ".pytest_cache" / "bytecode"
_NOT_LOADED = {"site-packages", "dist-packages", "tests", "test", "idlelib", "lib2to3", "ensurepip", "tkinter", "pip"}
"""Folders below an import path that no test loads from."""


def keep_elsewhere() -> None:
    """Let this process and those that it starts write compiled modules to a folder beside the other results of pytest,
    from which the next run reads them. Does nothing where they are written as usual: beside the sources, or to the
    folder of the process that started this one."""
    if not sys.dont_write_bytecode:
        return
    if not _FOLDER.is_dir():
        installed = {path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")}
        with contextlib.suppress(OSError, NotImplementedError):  # without links everything is compiled once
            for path in sorted({sysconfig.get_path("stdlib"), *installed}):
                _link_compiled(path, str(_FOLDER))
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(_FOLDER)
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _link_compiled(path: str, folder: str) -> None:
    """Put a link to each compiled module below this import path where Python looks for it below the folder."""
    suffix = f".{sys.implementation.cache_tag}.pyc"
    for sources, cache in _caches(path):
        there = folder + sources
        os.makedirs(there, exist_ok=True)  # noqa: PTH103
        for name in os.listdir(cache):  # noqa: PTH208
            if name.endswith(suffix):
                os.symlink(f"{cache}/{name}", f"{there}/{name}")  # noqa: PTH211


def _caches(path: str) -> Iterator[tuple[str, str]]:
    """Each folder of sources below this one and the folder of what is compiled of it."""
    for place, folders, _ in os.walk(path):
        if "__pycache__" in folders:
            yield place, f"{place}/__pycache__"
        folders[:] = [name for name in folders if name not in _NOT_LOADED and name != "__pycache__"]
