"""What every test of the screens needs; what needs a pseudo terminal is left out on Windows, which has none."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from textual.css.stylesheet import Stylesheet

collect_ignore = ["test_terminal.py"] if sys.platform == "win32" else []


@pytest.fixture(autouse=True)
def patient_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scripted engine publishes only what a test tells it to: on a loaded machine that is no silence yet."""
    monkeypatch.setattr("tui.app._STALE_SECONDS", 60.0)


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
