"""Where the one-folder build begins."""

from tui.cli import main

main(prog_name="rotor")
