"""What every test of the screens needs; what needs a pseudo terminal is left out on Windows, which has none."""

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from textual._compositor import Compositor
from textual.css.stylesheet import Stylesheet

from tests.tui import screen

collect_ignore = ["test_terminal.py"] if sys.platform == "win32" else []


@pytest.fixture(autouse=True)
def patient_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scripted engine publishes only what a test tells it to: on a loaded machine that is no silence yet. The clock
    of the messages stands, for there a message would go before the test has read it."""
    monkeypatch.setattr("tui.app._STALE_SECONDS", 60.0)
    monkeypatch.setattr("tui.widgets.bars.time", SimpleNamespace(monotonic=lambda: 1000.0))


@pytest.fixture(autouse=True, scope="package")
def styles_parsed_once() -> Iterator[None]:
    """Each app of a test would parse the same style sheets again, for a tenth of its time. Textual keeps the rules of a
    sheet too, and changes none of them, but for one app and until its variables change."""
    parse, parsed = Stylesheet._parse_rules, {}

    def once(sheet: Stylesheet, *source: Any, **named: Any) -> Any:
        key = (source, tuple(sorted(named.items())), tuple(sorted(sheet._variables.items())))
        if key not in parsed:
            parsed[key] = parse(sheet, *source, **named)
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", once)
        yield


@pytest.fixture
def every_frame() -> None:
    """For a test that counts what is painted: the app paints each of its frames."""


@pytest.fixture(autouse=True)
def painted_when_looked_at(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app without a terminal paints each of its frames and throws them away, for two fifths of a test's time. Here
    it paints what a test looks at (`tests.tui.screen.strips`), which `shown` does at its end at the latest."""

    if "every_frame" in request.fixturenames:
        return

    paint = Compositor.render_update

    def when_looked_at(compositor: Compositor, full: bool = False, **named: Any) -> Any:
        if full:  # a drawing is made of it
            return paint(compositor, full, **named)
        screen.painted.pop(compositor, None)
        compositor._dirty_regions.clear()
        return None

    monkeypatch.setattr(Compositor, "render_update", when_looked_at)
    monkeypatch.setattr(screen, "frames_are_noted", True)
