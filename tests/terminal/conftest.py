"""These tests drive the program in a pseudo terminal, which Windows does not have."""

import sys

collect_ignore_glob = ["test_*.py"] if sys.platform == "win32" else []
