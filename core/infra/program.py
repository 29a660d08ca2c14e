"""The command that starts this program as another process."""

import sys
from pathlib import Path


def own_command(*arguments: str) -> tuple[str, ...]:
    """Run this program with `arguments`: from a checkout, an installed wheel or the one-folder build."""
    if getattr(sys, "frozen", False):
        return (sys.executable, *arguments)
    # By path, and with -P: no folder called `core` or `rotor_app`, in the working folder or installed, gets in the way.
    return (sys.executable, "-P", str(_launcher()), *arguments)


def _launcher() -> Path:
    above = Path(__file__).resolve().parents[2]
    installed = above / "__main__.py"
    return installed if installed.is_file() else above / "packaging" / "rotor_app" / "__main__.py"
