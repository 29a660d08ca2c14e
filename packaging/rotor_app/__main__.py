"""Starts rotor: the console script, and what child processes run by the path of this file."""

import sys
from pathlib import Path


def main() -> None:
    """Run the command line on the `core` and `tui` that belong to this file, whatever else is installed."""
    here = Path(__file__).resolve().parent
    # In the wheel both folders lie beside this file, in a checkout two folders up.
    sys.path.insert(0, str(here if (here / "core").is_dir() else here.parents[1]))
    from tui.cli.main import main as command_line

    command_line(prog_name="rotor")


if __name__ == "__main__":
    main()
