"""Imports of libraries that do too much when they are imported."""

import importlib
import sys
from types import ModuleType


def import_without(name: str, *hidden: str) -> ModuleType:
    """Import `name` as on a machine that lacks the `hidden` modules; those that are loaded stay loaded.

    For a library that reaches for others only where they happen to be installed. Raises `ImportError`.
    """
    if name in sys.modules:
        return sys.modules[name]
    before = {other: sys.modules[other] for other in hidden if other in sys.modules}
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how an import is refused
    try:
        return importlib.import_module(name)
    finally:
        for other in hidden:
            del sys.modules[other]
        sys.modules.update(before)
