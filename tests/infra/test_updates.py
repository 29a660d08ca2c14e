"""Update checks: once a day, validated, and harmless on failure."""

import json
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.i18n import use_language
from core.infra.clock import SteppedClock
from core.infra.network import ServiceUnavailable
from core.infra.updates import UpdateCheck, ask_for_release, newer
from core.model.settings import UpdateSettings
from core.model.time import SHANGHAI
from tests.factorcat.server import Server, answer

NOW = datetime(2026, 5, 6, 9, 0, tzinfo=SHANGHAI)
NEWS = {"version": "1.10.0", "notes": "What is new", "page": "https://news.example/1.10", "date": "2026-05-01"}


@pytest.fixture
async def server() -> AsyncGenerator[Server]:
    server = Server()
    await server.start()
    yield server
    await server.stop()


def update_check(server: Server, folder: Path, clock: SteppedClock) -> UpdateCheck:
    return UpdateCheck(folder / "update.json", f"{server.url}/news", "1.9.0", clock)


@pytest.mark.parametrize(
    ("told", "ours", "is_newer"),
    [
        ("1.10.0", "1.9.0", True),  # not as text
        ("1.9.0", "1.9.0", False),
        ("1.9.0", "1.9.0.dev1", True),
        ("1.9.0rc1", "1.9.0", False),
        ("1.9", "1.9.0", False),
        ("1!0.1", "9.0", True),  # an epoch
    ],
)
def test_versions_are_compared_by_pep_440(told: str, ours: str, is_newer: bool) -> None:
    assert (newer({**NEWS, "version": told}, ours) is not None) is is_newer


def test_release_notes_are_in_the_user_s_language_without_control_characters() -> None:
    notes = {"en": "line\n\x1b[2Jcleared\x07", "zh": "新版本"}
    release = newer({**NEWS, "notes": notes}, "1.0")
    assert release is not None
    assert release.notes == "line\n[2Jcleared"
    use_language("zh")
    try:
        told = newer({**NEWS, "notes": notes}, "1.0")
    finally:
        use_language("en")
    assert told is not None
    assert told.notes == "新版本"


async def test_updates_are_checked_once_a_day_even_after_a_restart(server: Server, tmp_path: Path) -> None:
    server.on("/news", answer(200, NEWS))
    clock = SteppedClock(NOW)
    first = update_check(server, tmp_path, clock)
    for _ in range(3):
        await first.look_if_due()
    assert first.release is not None
    assert first.release.version == "1.10.0"
    again = update_check(server, tmp_path, clock)
    await again.look_if_due()
    assert again.release == first.release  # known from the file
    assert server.count("/news") == 1
    clock.move_to(NOW + timedelta(hours=24))
    await again.look_if_due()
    assert server.count("/news") == 2


async def test_a_failed_check_is_retried_after_an_hour_and_harmless(server: Server, tmp_path: Path) -> None:
    server.on("/news", answer(500, {}), answer(200, NEWS))
    clock = SteppedClock(NOW)
    looking = update_check(server, tmp_path, clock)
    await looking.look_if_due()
    await looking.look_if_due()
    assert (looking.release, server.count("/news")) == (None, 1)
    clock.move_to(NOW + timedelta(hours=1))
    await looking.look_if_due()
    assert looking.release is not None


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"version": "next"},
        {"version": 2},
        {"version": "1.0", "notes": 7},
        {"version": "1.0", "notes": {"en": 7}},
        {"version": "1.0", "notes": "", "page": []},
    ],
)
async def test_an_invalid_version_document_is_refused(document: Any, server: Server) -> None:
    server.on("/news", answer(200, document))
    with pytest.raises(ServiceUnavailable, match="no version document"):
        await ask_for_release(f"{server.url}/news")


async def test_a_long_response_is_cut_off(server: Server) -> None:
    server.on("/news", answer(200, {**NEWS, "notes": "x" * 100_000}))
    with pytest.raises(ServiceUnavailable, match="longer than 64 kB"):
        await ask_for_release(f"{server.url}/news")


async def test_an_unreachable_update_server_is_harmless(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable, match="cannot be reached"):
        await ask_for_release("http://127.0.0.1:9/news")


async def test_without_an_address_no_request_is_made(tmp_path: Path) -> None:
    (tmp_path / "update.json").write_text(json.dumps({"url": "x", "asked_at": NOW.isoformat(), "document": NEWS}))
    silent = UpdateCheck(tmp_path / "update.json", "", "1.0", SteppedClock(NOW))
    await silent.look_if_due()
    assert silent.release is None


def test_the_address_must_be_https() -> None:
    assert UpdateSettings(url="").url == ""
    assert UpdateSettings(url="https://news.example/rotor.json").url == "https://news.example/rotor.json"
    with pytest.raises(ValidationError, match="use https"):
        UpdateSettings(url="http://news.example/rotor.json")
