"""Where the one-folder build begins."""

from tui.cli.main import main

main(prog_name="rotor")
