"""A made sentence is made again in the other language; what rotor did not make stays as it is."""

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from random import Random
from time import process_time

import pytest

from core.i18n import Language, joined, listed, noted, reasons, say, say_many, sentences, use_language
from core.model.snapshot import Event, Level
from core.model.time import SHANGHAI
from core.retold import may_hold, retell, retold
from tests.language.catalogue import kept, messages, source_of, translation

_PLACE = re.compile(r"{(\w+)(?:![rs])?(?::([^{}]*))?}|%[-+.\d]*([a-z])")

NOT_TO_BE_TOLD_APART = {
    # Two values without anything between them, whatever they are.
    "  made {made_at}{age}, {listed}": "made_at and age",
    "{code} {name}: {what}{stake}": "what and stake",
    "{why}, rank {rank}{limit}": "rank and limit",
    # Each line of a text is translated by itself.
    "\nType '{word}' to {to}:": "two lines",
    "Choose from:\n\t{choices}": "two lines",
    "The settings in {folder} are invalid:\n{error}": "two lines",
    # Without a letter, or with one, it may be anything.
    ", ": "a comma",
    "{title}:": "a colon",
    "trading days|{count}d": "one letter",
    # Only English has two forms, and the number that chooses one is not in the text. Said by the command line alone.
    "Did you mean {possibility}?": "click",
    "Got unexpected extra argument ({args})": "click",
    "Option {name!r} requires an argument.": "click",
    "{value!r} does not match the format {format}.": "click",
    "{value!r} is not {choice}.": "click",
}
"""Messages that cannot be found again by their text alone, and why."""


@dataclass(frozen=True)
class Made:
    """A message with values, as it reads in both languages."""

    name: str
    english: str
    chinese: str


WORDS = (("part filled", "部分成交"), ("the bond is suspended", "该转债停牌"), ("cancelling", "待撤"))


def _made(name: str, forms: tuple[str, ...], chinese: str, words_at: Container[int]) -> Made:
    """With a value in each place: a code, or at these places a word of the catalogue in both languages."""
    values: dict[str, tuple[str, ...]] = {}

    def value_of(place: re.Match[str]) -> tuple[str, ...]:
        key, spec = place[1] or f"_{len(values)}", place[2] or (place[3] or "").replace("s", "")
        if spec.startswith("%"):
            return (datetime(2026, 5, 15, 14, 50, tzinfo=SHANGHAI).strftime(spec),) * 2
        if key == "count" or spec[-1:] in tuple("fgd%,"):
            return ("12", "12")
        number = len(values)
        return values.setdefault(key, WORDS[number % len(WORDS)] if number in words_at else (f"11305{number}",) * 2)

    def filled(template: str, language: int) -> str:
        if "{" not in template:
            values.clear()
        return _PLACE.sub(lambda place: value_of(place)[language], template)

    return Made(name, filled(forms[-1], 0), filled(chinese, 1))


def _all_made(words_at: Container[int]) -> Iterator[Made]:
    for message in messages(kept()):
        source = source_of(message)
        yield _made(source.name, source.forms, translation(message), words_at)


Row = tuple[Made, ...]
"""A message with codes in all places, with words in every other one, and with words in all."""


@pytest.fixture(scope="module")
def made() -> list[Row]:
    places = ((), range(0, 9, 2), range(1, 9, 2), range(9))
    return list(zip(*(_all_made(words_at) for words_at in places), strict=True))


def _told_wrong(rows: list[Row], to: Language) -> set[str]:
    """Messages that are not told right with any of their values.

    Where several messages read the same in the one language, any of their texts in the other is right.
    """
    right: defaultdict[str, set[str]] = defaultdict(set)
    texts = [[(one.english, one.chinese) if to == "zh" else (one.chinese, one.english) for one in row] for row in rows]
    for text, other in chain.from_iterable(texts):
        right[text].add(other)
    return {
        row[0].name
        for row, pairs in zip(rows, texts, strict=True)
        if not any(retold(text, to) in right[text] for text, _ in pairs)
    }


@pytest.mark.parametrize("to", ["zh", "en"])
def test_every_sentence_is_told_again(made: list[Row], to: Language) -> None:
    assert _told_wrong(made, to) <= set(NOT_TO_BE_TOLD_APART)


def test_the_exceptions_are_exceptions(made: list[Row]) -> None:
    assert _told_wrong(made, "zh") | _told_wrong(made, "en") == set(NOT_TO_BE_TOLD_APART)


@pytest.mark.parametrize("to", ["zh", "en"])
def test_a_sentence_that_is_in_the_language_stays(made: list[Row], to: Language) -> None:
    texts = [one.chinese if to == "zh" else one.english for row in made for one in row[:1]]
    assert [text for text in texts if retold(text, to) != text] == []


def _in_both(made: Callable[[], str]) -> tuple[str, str]:
    try:
        use_language("zh")
        chinese = made()
    finally:
        use_language("en")
    return made(), chinese


def _refusal() -> str:
    why = say("price {price} is not on the tick of 0.001", price="113.0505")
    return say("{code} was not sold: {reason}", code="113052.SH", reason=why)


def _left_out(count: int) -> str:
    return say_many(
        "{count} row of the panel is of no convertible bond of SH or SZ and was left out.",
        "{count} rows of the panel are of no convertible bonds of SH or SZ and were left out.",
        count,
    )


@pytest.mark.parametrize(
    "made",
    [
        _refusal,
        lambda: reasons([_refusal(), say("the bond is suspended")]),
        lambda: joined([say("the bond is suspended"), say("cancel asked for")]),
        lambda: _left_out(1),
        lambda: _left_out(12),
        lambda: sentences([say("The user name stays in the settings."), _refusal(), say("the bond is suspended")]),
        lambda: f"14:50:01 {say('the bond is suspended')}",
        lambda: f"{say('the bond is suspended')}\n{_refusal()}",
        lambda: noted(say("no price yet"), "118031.SH 天23转债"),
        lambda: joined([say("Low premium"), say("{years} years or more", years="0.5")]),
        lambda: say("{why}, rank {rank}{limit}", why=say("joined the list"), rank=1, limit=""),
    ],
)
def test_sentences_in_sentences_are_told_too(made: Callable[[], str]) -> None:
    english, chinese = _in_both(made)
    assert english != chinese
    assert (retold(english, "zh"), retold(chinese, "en")) == (chinese, english)


def test_a_note_that_names_some_and_counts_the_others_is_told() -> None:
    """In the comma of clauses: English has one for both."""
    named = ["118031.SH 天23转债", "113052.SH 兴业转债"]
    english, _ = _in_both(
        lambda: noted(say("no price yet"), listed([*named, say("{count} more", context="bonds", count=3)]))
    )
    assert english == "no price yet (118031.SH 天23转债, 113052.SH 兴业转债, 3 more)"
    assert retold(english, "zh") == "尚无价格（118031.SH 天23转债，113052.SH 兴业转债，另有 3 只）"


def test_things_in_a_row_are_told_with_the_comma_of_clauses() -> None:
    """English has one comma for both."""
    english, chinese = _in_both(lambda: listed([say("part filled"), say("cancelling")]))
    assert (chinese, english) == ("部分成交、待撤", "part filled, cancelling")
    assert (retold(chinese, "en"), retold(english, "zh")) == (english, "部分成交，待撤")


@pytest.mark.parametrize(
    "text",
    [
        "the server is busy",
        "HTTPSConnectionPool(host='api.yinzimao.com', port=443): Max retries exceeded",
        "D:\\rotor\\config.toml",
        "资金不足[250101]",
        "113052.SH 重银转债",
        "",
        "113052.SH",
    ],
)
def test_what_rotor_did_not_say_stays(text: str) -> None:
    assert (retold(text, "zh"), retold(text, "en")) == (text, text)


def test_the_words_of_a_broker_stay_within_a_sentence_of_ours() -> None:
    told = retold("MiniQMT rejected r260506-0001: 资金不足 insufficient funds", "zh")
    assert "拒绝" in told
    assert told.endswith("r260506-0001：资金不足 insufficient funds")


def test_data_of_any_length_is_soon_given_back() -> None:
    """Dumps of data match many short messages; the time may not grow with their number."""
    dump = "filled: part, " * 1000
    assert retold(dump, "zh") == dump
    assert retold("order 5: " * 100, "zh") == "order 5: " * 100


@pytest.mark.parametrize("between", [" ", ", ", ": ", "; ", " (", "' "])
def test_a_made_up_line_is_soon_given_back(made: list[Row], between: str) -> None:
    """Words and sentences at random have many readings, and readings of their parts; one took up to 16 s."""
    random = Random(between)
    sentences = [row[0].english for row in made]
    words = [word for sentence in sentences for word in sentence.split()]
    begun = process_time()
    for _ in range(3):
        for parts in (sentences, words):
            retold(between.join(random.choices(parts, k=200))[:1000].replace("\n", " "), "zh")
    assert process_time() - begun < 6 * 0.2


def test_no_told_text_holds_what_the_quick_test_rules_out(made: list[Row]) -> None:
    told = [(one.english, retold(one.english, "zh")) for row in made for one in row[::2]]
    character = re.compile("[\u4e00-\u9fff]")
    tests: dict[str, Callable[[str], bool]] = {}
    for english, chinese in told:
        for found in set(character.findall(chinese)):
            test = tests.get(found) or tests.setdefault(found, may_hold(found, "zh"))
            assert test(english), (found, english)
    assert len(tests) > 500
    suspended = "the bond is suspended"
    assert may_hold("该转债停牌", "zh")(f"not bought: {suspended}")
    assert not may_hold("该转债停牌", "zh")("not bought: cancelling")
    assert not may_hold("龘", "zh")(suspended)
    assert may_hold("龘", "zh")("a bond named 龘")
    assert may_hold("suspended", "zh")("anything")
    assert may_hold("该转债停牌", "en")("anything")


def test_a_value_is_told_in_the_fields_that_hold_sentences_and_nowhere_else() -> None:
    event = Event(1, datetime(2026, 5, 15, tzinfo=SHANGHAI), Level.INFO, "the bond is suspended", about="sell")
    told = retell((event, event), "zh")
    assert [(one.text, one.about) for one in told] == [("该转债停牌", "sell")] * 2
    document = {
        "name": "已成交",
        "reason": "该转债停牌",
        "notes": ["该转债停牌"],
        "rows": [{"why": "该转债停牌"}],
        "n": 1,
    }
    assert retell(document, "en") == {
        "name": "已成交",
        "reason": "the bond is suspended",
        "notes": ["the bond is suspended"],
        "rows": [{"why": "the bond is suspended"}],
        "n": 1,
    }


def test_what_is_in_the_language_already_is_the_same_object() -> None:
    event = Event(1, datetime(2026, 5, 15, tzinfo=SHANGHAI), Level.INFO, "the bond is suspended")
    events = (event,)
    assert retell(events, "en") is events
    assert retell(events, "zh") is not events


@pytest.mark.parametrize(
    "text",
    [
        "X is suspended: its sell is blocked.",
        "[251005] order rejected: cash is not enough",
        "account 8880001 is frozen: contact your broker",
        "invalid session, please login again",
        "Order 90001 is unknown to this server",
        "Order 90001 is unknown.",
        "Insufficient funds: available 100.00",
        "The server is busy. Please log in again.",
        "Order rejected. Cash is not enough.",
    ],
)
def test_another_program_s_sentence_is_not_half_translated(text: str) -> None:
    """It has words that the catalogue has too."""
    assert retold(text, "zh") == text
