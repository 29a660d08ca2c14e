"""Commands that cannot be taken back ask for a word, in the language in use; English is always accepted."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from core.i18n import use_language
from core.model.typed_words import AGREE, CANCEL_ALL, FLATTEN, is_typed
from tui.cli.context import REFUSED, confirm_word_or_exit

WORDS = {CANCEL_ALL: "撤单", FLATTEN: "清仓", AGREE: "我同意"}


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    use_language("en")


@pytest.mark.parametrize(("word", "chinese"), WORDS.items())
def test_a_word_is_taken_in_the_language_in_use_and_in_english(word: str, chinese: str) -> None:
    assert [is_typed(word, entered) for entered in (word, f" {word} ", chinese, "")] == [True, True, False, False]
    use_language("zh")
    assert [is_typed(word, entered) for entered in (word, chinese, chinese[:1], "")] == [True, True, False, False]
    assert not any(is_typed(word, other) for other in {*WORDS, *WORDS.values()} - {word, chinese})


@pytest.mark.parametrize(
    ("entered", "code"), [("清仓\n", 0), ("flatten\n", 0), ("清\n", REFUSED), ("y\n", REFUSED), ("", REFUSED)]
)
def test_a_command_goes_on_after_the_word_only(entered: str, code: int) -> None:
    use_language("zh")
    asking = click.Command("ask", callback=lambda: confirm_word_or_exit(False, "?", FLATTEN, "nothing was sold"))
    asked = CliRunner().invoke(asking, input=entered)
    assert asked.exit_code == code
    assert ("nothing was sold" in asked.output) == bool(code)
