"""What needs a pseudo terminal is left out on Windows, which has none."""

import sys

collect_ignore = ["test_terminal.py"] if sys.platform == "win32" else []
