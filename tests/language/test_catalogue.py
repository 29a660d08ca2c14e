"""The catalogue is whole: nothing that a screen says lacks its Chinese, and nothing in it breaks a sentence."""

import ast
import builtins
import gettext
import io
import re
import string
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import i18n
from core.i18n import mark, say, say_many, use_language
from core.model.order import OrderState
from tests.language.catalogue import (
    MO,
    PO,
    ROOT,
    compiled,
    kept,
    messages,
    missing,
    said,
    source_of,
    sources,
    translation,
    updated,
    written,
)

_HAN = re.compile(r"[\u4e00-\u9fff]")
# What is the same in both languages: places alone, and a few names.
_SAME = re.compile(r"[\W\d_]*|.*\b(P/L%?|SL|TP|SL-TP|CNY|QMT|qmt|MiniQMT|rotor)\b.*", re.DOTALL)


@pytest.fixture(scope="module")
def catalogue() -> Any:
    return kept()


def test_no_translation_is_missing_or_left_over(catalogue: Any) -> None:
    assert missing(updated(catalogue)) == []
    assert {source_of(message).name for message in messages(catalogue)} == set(sources())
    assert not [message.id for message in messages(catalogue) if message.fuzzy]


def test_the_files_are_what_the_command_makes(catalogue: Any) -> None:
    assert PO.read_text("utf-8") == written(updated(catalogue))
    assert _sentences_of(MO.read_bytes()) == _sentences_of(compiled(catalogue))


def _sentences_of(compiled_file: bytes) -> dict[Any, str]:
    """What a program reads from it; the header names who made it and when, which changes nothing that is said."""
    said: dict[Any, str] = dict(vars(gettext.GNUTranslations(io.BytesIO(compiled_file)))["_catalog"])
    del said[""]
    assert len(said) > 1000
    return said


def test_every_translation_has_the_placeholders_of_its_source(catalogue: Any) -> None:
    wrong = [
        message.id
        for message in messages(catalogue)
        if _places(translation(message)) != _places(message.id if isinstance(message.id, str) else message.id[-1])
    ]
    assert wrong == []


def test_no_character_has_an_ambiguous_width(catalogue: Any) -> None:
    texts = [text for message in messages(catalogue) for text in (_first(message.id), translation(message))]
    wide = {character for text in texts for character in text if unicodedata.east_asian_width(character) == "A"}
    assert {character for character in wide if not "\u2500" <= character <= "\u257f"} == set()


_ANSWERS = {"Failed", "Implausible", "Refused", "Unknown"}
_WORDS = re.compile(r"[A-Za-z]{2,}\W+[A-Za-z]{2,}|[ (][A-Za-z]{2,}")


def _spoken_without_say(path: Path) -> Iterator[str]:
    """Texts with words that a module gives as they stand to an error of the project or to an answer with a reason."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    raised = {node.exc for node in nodes if isinstance(node, ast.Raise)}
    for call in nodes:
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or hasattr(builtins, call.func.id):
            continue
        if call in raised or call.func.id in _ANSWERS:
            for argument in call.args:
                pieces = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
                text = "{}".join(str(piece.value) for piece in pieces if isinstance(piece, ast.Constant))
                if _WORDS.search(text):
                    yield f"{path.name}:{call.lineno}: {text}"


def test_every_reason_is_said() -> None:
    """What the two ends of our own connection say to each other is not, nor are the sandbox platform's answers."""
    own = {"protocol.py", "server.py", "platform.py"}
    files = [file for folder in ("core", "tui") for file in sorted((ROOT / folder).rglob("*.py"))]
    assert [told for file in files if file.name not in own for told in _spoken_without_say(file)] == []


def test_a_reason_that_is_not_said_is_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('Refused(f"order {number} was sent")\nUnknown(say("it is late"))\nUnknown(why)\n', "utf-8")
    assert list(_spoken_without_say(module)) == ["module.py:1: order {} was sent"]


def test_translations_are_chinese(catalogue: Any) -> None:
    same = [_first(message.id) for message in messages(catalogue) if not _HAN.search(translation(message))]
    assert [text for text in same if not _SAME.fullmatch(re.sub(r"{[^}]*}", "", text))] == []


def test_sentences_are_in_the_chosen_language() -> None:
    try:
        use_language("zh")
        assert _HAN.search(say("Waiting for the engine."))
        assert _HAN.search(say_many("{count} position", "{count} positions", 3)) is not None
        assert "3" in say_many("{count} position", "{count} positions", 3)
        use_language("en")
        assert say("Waiting for the engine.") == "Waiting for the engine."
    finally:
        use_language("en")


def test_one_word_with_two_meanings_has_two_translations(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"Last": "plain", "price\x04Last": "现价", "run\x04Last": "上次执行"}
    translations = gettext.GNUTranslations()
    vars(translations).update(_catalog=told, plural=lambda count: 0)
    monkeypatch.setattr(i18n, "_current", ("zh", translations))
    assert (say("Last"), say("Last", context="price"), say("Last", context="run")) == ("plain", "现价", "上次执行")
    assert say(mark("Last", context="run")) == "上次执行"
    assert say("Last", context="of another kind") == "plain"


def test_the_members_of_an_enum_bring_its_context() -> None:
    try:
        use_language("zh")
        assert say(OrderState.UNKNOWN) == "状态未知" != say("unknown")
        assert say(OrderState.FILLED) == say("filled")  # no context in the catalogue: translated without it
    finally:
        use_language("en")


def test_a_context_does_not_show_in_english() -> None:
    assert mark("Last", context="price") == "Last"
    assert f"{mark('Last', context='price')} {say('Last', context='price')}" == "Last Last"
    assert say_many("{count} day", "{count} days", 2, context="schedule") == "2 days"


def test_a_context_is_collected_with_its_word() -> None:
    code = "say('Last', context='price'), mark('Last'), say_many('one', 'many', 2, context='schedule', name=name)"
    assert [source.name for source in said(code)] == ["price|Last", "Last", "schedule|one"]


_SINKS = {
    "show_message",
    "Static",
    "styled",
    "Confirm",
    "ChoiceDialog",
    "TypedConfirm",
    "TextDialog",
    "show_unknown",
    "set_text",
    "clear",
    "show_empty",
}
_METHODS = {"set_notice", "show_text", "_show_problem"}


def unsaid(code: str) -> list[str]:
    """Plain sentences that reach the screen without being said."""
    found: list[str] = []
    for call in ast.walk(ast.parse(code)):
        if isinstance(call, ast.Call) and _reaches_the_screen(call.func):
            found += [text for argument in call.args for text in _sentences(argument)]
    return found


def _sentences(node: ast.AST) -> list[str]:
    """Literals of two words or more below an argument, outside of `say`."""
    if isinstance(node, ast.Call):
        return []
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value] if re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}", node.value) else []
    return [text for child in ast.iter_child_nodes(node) for text in _sentences(child)]


def _reaches_the_screen(function: ast.expr) -> bool:
    return _name(function) in _SINKS or (isinstance(function, ast.Attribute) and function.attr in _METHODS)


def _name(function: ast.expr) -> str:
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


@pytest.mark.parametrize("file", sorted((ROOT / "tui" / "screens").glob("*.py")), ids=lambda file: file.stem)
def test_no_screen_shows_an_untranslated_sentence(file: Path) -> None:
    assert unsaid(file.read_text("utf-8")) == []


def test_an_untranslated_sentence_is_found() -> None:
    assert unsaid('self.table.set_notice("nothing is here")') == ["nothing is here"]
    assert unsaid('self.host.show_message(f"{name} was not sold")') == [" was not sold"]
    assert unsaid('self.host.show_message(say("{name} was not sold", name=name))') == []


def _places(text: str) -> list[tuple[str, str]]:
    logged = re.findall(r"%[.\d]*[a-z]", text)
    if logged:  # these are filled in by their order
        return [(place, "") for place in logged]
    return sorted((name, spec or "") for _, name, spec, _ in string.Formatter().parse(text) if name is not None)


def _first(source: Any) -> str:
    return source if isinstance(source, str) else source[0]
