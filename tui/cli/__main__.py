"""`python -m tui.cli` is `rotor`."""

from tui.cli.main import main

main()
