"""Random keys over a pseudo terminal, and that the fuzz sees what it looks for."""

import json
from pathlib import Path

import pytest

from tests.tui.fuzz import Broken, Fuzz


@pytest.mark.slow
def test_random_keys_break_nothing(tmp_path: Path) -> None:
    figures = Fuzz(tmp_path, seed=11).run(300)
    assert figures.homes
    assert figures.commands


@pytest.mark.parametrize(
    "noted",
    [
        {"command": "ExecutePlan", "plan": "p1", "question": ""},
        {"yes": "Confirm", "title": "Execute this plan", "key": "enter", "typed": ""},
        {"yes": "TypedConfirm", "title": "Flatten", "key": "enter", "typed": ""},
    ],
    ids=["no question", "a question that enter answered", "a word that was not typed"],
)
def test_a_command_without_its_answer_is_noticed(noted: dict[str, str], tmp_path: Path) -> None:
    fuzz = Fuzz(tmp_path, seed=0)
    good = {"command": "ExecutePlan", "plan": "p1", "question": "Execute this plan"}
    _record(tmp_path, good)
    fuzz._take_in()
    _record(tmp_path, noted)
    with pytest.raises(Broken):
        fuzz._take_in()


def test_a_traceback_in_the_log_is_noticed(tmp_path: Path) -> None:
    fuzz = Fuzz(tmp_path, seed=0)
    logs = tmp_path / "home" / "logs"
    logs.mkdir()
    (logs / "2026-05-15.log").write_text("10:00 INFO started\n")
    fuzz._check_log()
    (logs / "2026-05-15.log").write_text("10:00 ERROR failed\\nTraceback (most recent call last):\\n")
    with pytest.raises(Broken, match="Traceback"):
        fuzz._check_log()


def _record(folder: Path, noted: dict[str, str]) -> None:
    with (folder / "record").open("a") as record:
        record.write(json.dumps(noted) + "\n")
