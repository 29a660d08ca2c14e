"""`rotor` as a script sees it: exit code, standard output, standard error."""

import os
import subprocess
import sys

from click.testing import CliRunner

from tui.cli.main import main

Done = subprocess.CompletedProcess[str]


def rotor(*arguments: str, **environment: str) -> Done:
    """Run the command in this process, cut off from this one's settings. An error that it does not handle is raised."""
    unset: dict[str, str | None] = {name: None for name in os.environ if name.startswith("ROTOR_")}
    done = CliRunner().invoke(main, arguments, env={**unset, **environment}, catch_exceptions=False)
    return Done(arguments, done.exit_code, done.stdout, done.stderr)


def rotor_process(*arguments: str, **environment: str) -> Done:
    """Run the command in a process of its own, as a user does."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ROTOR_")}
    return subprocess.run(
        [sys.executable, "-m", "tui.cli", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={**inherited, **environment},
    )
