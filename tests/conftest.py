"""Settings of the whole suite."""

import gc
import os
import shutil
import signal
import tempfile

from tests import bytecode

bytecode.keep_elsewhere()  # before anything large is loaded

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

from core.i18n import use_language  # noqa: E402

_STEADY = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("steady", derandomize=True, max_examples=50, **_STEADY)
"""Laws of money - what is planned, ordered, booked, stopped - say themselves that they take more examples."""
settings.register_profile("search", max_examples=1000, **_STEADY)
"""`python -m pytest --hypothesis-profile=search` looks for counterexamples at random, longer."""
settings.load_profile("steady")

if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # Under nohup. A handler is not passed on, so that the programs under test start with the default again.
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)

gc.set_threshold(100_000, 10, 10)
"""Screens and engines leave thousands of objects in cycles: to look for them less often saves a tenth of the time."""


_MEMORY = "/dev/shm"

if os.path.isdir(_MEMORY) and not os.environ.get("TMPDIR") and shutil.disk_usage(_MEMORY).free > 2**30:  # noqa: PTH112
    # A database waits for the disk at each commit; no test is about the disk, which takes a seventh of their time.
    os.environ["TMPDIR"], tempfile.tempdir = _MEMORY, None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that wait for other processes come first: what they wait for is done beside the others, not at the end."""
    items.sort(key=lambda item: item.path.parent.name not in ("terminal", "live"))


def pytest_collection_finish() -> None:
    """What is loaded by now stays until the end: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup() -> None:
    """Texts are compared in English, whatever language the test before has chosen."""
    use_language("en")
