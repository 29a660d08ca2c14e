"""What every test of the screens needs; what needs a pseudo terminal is left out on Windows, which has none."""

import sys

import pytest

collect_ignore = ["test_terminal.py"] if sys.platform == "win32" else []


@pytest.fixture(autouse=True)
def patient_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scripted engine publishes only what a test tells it to: on a loaded machine that is no silence yet."""
    monkeypatch.setattr("tui.app._STALE_SECONDS", 60.0)
