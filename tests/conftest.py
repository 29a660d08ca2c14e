"""Settings of the whole suite."""

import gc
import os
import signal
import sys
import tempfile

from hypothesis import HealthCheck, settings

from core.i18n import use_language

_STEADY = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("steady", derandomize=True, **_STEADY)
settings.register_profile("search", max_examples=1000, **_STEADY)
"""`python -m pytest --hypothesis-profile=search` looks for counterexamples at random, longer."""
settings.load_profile("steady")

_bytecode = tempfile.TemporaryDirectory(prefix="rotor-bytecode-") if sys.dont_write_bytecode else None
if _bytecode is not None:  # each process that a test starts would compile rotor anew; the checkout stays clean
    os.environ["PYTHONPYCACHEPREFIX"] = _bytecode.name
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # Under nohup. A handler is not passed on, so that the programs under test start with the default again.
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)

gc.set_threshold(100_000, 10, 10)
"""Screens and engines leave thousands of objects in cycles: to look for them less often saves a tenth of the time."""


def pytest_runtest_setup() -> None:
    """Texts are compared in English, whatever language the test before has chosen."""
    use_language("en")
