"""The real program at another time: `python -m tests.live.rotor_at SECONDS ARGUMENTS…` shifts its clock and runs rotor.

A market is only open at its hours, and tests are run at any. Nothing else of the program is touched.
"""

import sys
from datetime import datetime, timedelta

from core.infra.clock import RealClock
from core.model.time import SHANGHAI

_shift = timedelta(seconds=float(sys.argv.pop(1)))


def _now(self: RealClock) -> datetime:
    return datetime.now(SHANGHAI) + _shift


RealClock.now = _now

from tui.cli.main import main  # noqa: E402  (only now: nothing may have asked the time before)

main(prog_name="rotor")
