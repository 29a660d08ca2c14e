"""The search for words that have a plainer term finds them in names and in prose."""

import pytest

from tests.words import ROOT, found, in_code


def test_definitions_comments_and_docstrings_are_read_and_uses_are_not() -> None:
    source = '''"""The door of the engine."""
class TradingDesk:
    def send(self, courier: str) -> None:
        self.vaults = courier.shift  # whoever asks
'''
    places = [line.split(": ")[1].split(" -> ")[0] for line in in_code(source, ROOT / "core" / "planted.py")]
    assert sorted(places) == ["courier", "desk", "the door", "vault", "whoever"]


def test_the_name_of_a_module_counts() -> None:
    assert len(list(in_code("", ROOT / "core" / "newsroom.py"))) == 1


@pytest.mark.slow
def test_code_and_documents_use_the_words_of_the_glossary() -> None:
    assert list(found()) == []
