"""The real program at another time: `python -m tests.live.rotor_hasty MAX_DELAY SECONDS ARGUMENTS…`.

A scheduled run counts as missed after MAX_DELAY seconds instead of half a minute, so that a test need not wait longer.
"""

import sys

from core.engine import scheduler

scheduler.MAX_DELAY = float(sys.argv.pop(1))

from tests.live import rotor_at  # noqa: E402, F401  (it runs rotor)
