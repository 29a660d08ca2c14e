"""`python -m tui` is `rotor`."""

from tui.cli import main

main()
