"""The start of the one-folder build."""

from tui.cli.main import main

main(prog_name="rotor")
