"""A sentence that was made in one language, made again in the other.

`say` makes a sentence once, and what is logged, stored or sent keeps its language. `retold` finds the message of the
catalogue that a text was made with, reads the values out of it and makes it again, sentences within sentences too.
What the catalogue does not have stays as it is: the words of a broker or of a library, names, codes.

It is for the places where a text leaves its language: the log file and JSON are English, and what is read from the log
or the database is shown in the language in use. Everything else is made with `say` in the first place.
"""

import re
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, fields, replace
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import ClassVar, Literal, NamedTuple, Protocol, TypeVar, cast

from core.i18n import Language

T = TypeVar("T")

SENTENCES = frozenset(
    (
        *("advice", "blocked", "dangers", "differs", "last_did", "lines", "list_notes", "listed", "message", "note"),
        *("not_listed", "notes", "notices", "question", "reason", "refused", "remedy", "result", "schedule", "stage"),
        *("text", "through", "trouble", "why"),
    )
)
"""Fields of values and keys of documents that hold sentences. Others are never changed: a name may look like a word."""

_PLACE = re.compile(r"{(\w+)(?:![rs])?(?::([^{}]*))?}")
_LOGGED = re.compile(r"%[-+.\d]*([a-z])")
_PLACES = re.compile(rf"{_PLACE.pattern}|{_LOGGED.pattern}")
_NUMBER = re.compile(r"[-+]?[\d,]*\.?\d+%?")
_ONE_WORD = (re.compile(r"[A-Za-z0-9_./:-]+(?![A-Za-z0-9_./:\- ])"), re.compile("[^!-~]+(?=[!-~])"))
"""A value with another one right after it: a code or figure, or Chinese before one. No other can be told from it."""

_LATIN, _HAN = re.compile("[A-Za-z]"), re.compile("[\u4e00-\u9fff]")
_HAN_WEIGHT = 3
_WORD_LEFT = re.compile(r"\b(?:is|are|was|were|be|been|has|have|had|not|the|this|that|it|your|please)\b")
"""A word of an English sentence, of no name: a Chinese text in which one is left is half of each language."""

_BOND = re.compile(r"\d{6}\.S[HZ](?: [\u4e00-\u9fff]\S{0,4}转\S{1,2})?")
"""A bond's code, with its name if it stands there."""

_CERTAIN = 14
"""So much of its own, letters and twice the pieces between values, makes a message certain. With less, as in
"{count} days", two thirds of the text must be known."""

_LONGEST = 1000
"""Letters of a line beyond which it stays as it is: no sentence is so long, and to look through data takes long."""

_TRIES_OF_A_PART, _MOST_TRIES = 10, 1500
"""What looking through a part costs, in places where a value may end; with more of them than any sentence takes, a text
stays as it is. They take some hundredths of a second."""

_TESTED = 3
"""Characters of a wanted text that are looked for."""

_STAMP = re.compile(r"[\d:. -]+ (?:[A-Z]+ +\S+  )?(?=\S)")
"""A time, or what a line of the log begins with."""
_BETWEEN: Mapping[Language, Mapping[str, str]] = {
    "zh": {"; ": "；", ", ": "，"},
    "en": {"；": "; ", "，": ", ", "、": ", "},
}
"""What stands between sentences, clauses and things in a row; in English no mark tells the last two apart."""

_ENDS: Mapping[Language, re.Pattern[str]] = {
    "zh": re.compile(r"(?<=[.?]) (?=\S)"),
    "en": re.compile(r"(?<=[。？])(?=\S)"),
}
"""Where a sentence with its full stop ends and another one follows."""

_STOPS: Mapping[Language, tuple[str, str]] = {"zh": (".", "。"), "en": ("。", ".")}
"""A full stop in the other language, and in this one."""


def retold(text: str, to: Language) -> str:
    """The text in this language as far as the catalogue knows it; each line of several by itself."""
    return _retold(text, to) if _is_foreign(text, to) else text


def _is_foreign(text: str, to: Language) -> bool:
    """Whether anything in it could be of the other language."""
    return not text.isascii() if to == "en" else _LATIN.search(text) is not None


def may_hold(wanted: str, to: Language) -> Callable[[str], bool]:
    """A quick test of texts: False only where a text cannot hold `wanted` once `retold` has made it in this language.

    A Chinese character of a told text stands in the text itself, or in a message whose English stands there.
    """
    characters = set(_HAN.findall(wanted)) if to == "zh" else set[str]()
    rarest = sorted((_catalogue().english_with(character) for character in characters), key=len)[:_TESTED]
    return lambda text: all(any(part in text for part in parts) for parts in rarest)


def retell(value: T, to: Language) -> T:
    """A value or a JSON document with the sentences in it in this language; the same object where nothing changes."""
    return cast(T, _retell(value, to, said=isinstance(value, str)))


def _retell(value: object, to: Language, *, said: bool) -> object:
    if type(value) is str:
        return retold(value, to) if said else value
    shape = _shape(type(value))
    if shape == "map":
        whole = cast(Mapping[str, object], value)
        told = {key: _retell(part, to, said=key in SENTENCES) for key, part in whole.items()}
        return told if any(told[key] is not part for key, part in whole.items()) else whole
    if shape == "row":
        row = cast(list[object], value)
        parts = [_retell(part, to, said=said) for part in row]
        return type(row)(parts) if any(new is not old for new, old in zip(parts, row, strict=True)) else row
    changed: dict[str, object] = {}
    for name, holds_sentences in shape:
        part = getattr(value, name)
        told = _retell(part, to, said=holds_sentences)
        if told is not part:
            changed[name] = told
    return replace(cast(_Dataclass, value), **changed) if changed else value


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[object]]]


@cache
def _shape(kind: type[object]) -> Literal["map", "row"] | tuple[tuple[str, bool], ...]:
    """Which parts values of this type have: of a dataclass its fields, and whether each holds sentences; of a figure or
    a day none."""
    if issubclass(kind, Mapping):
        return "map"
    if issubclass(kind, list | tuple):
        return "row"
    if hasattr(kind, "__dataclass_fields__"):
        made = fields(cast(type[_Dataclass], kind))
        return tuple((field.name, field.name in SENTENCES) for field in made if field.init)
    return ()


class _Told(NamedTuple):
    """A text in the wanted language, and how much of it the catalogue knows, in the weight of letters."""

    text: str
    known: int = 0


def _half_told(told: _Told) -> bool:
    """Whether words of an English sentence are left in a text that should be Chinese now."""
    return told.known > 0 and _WORD_LEFT.search(told.text) is not None


def _weight(text: str) -> int:
    """How much there is to understand: letters of words. Figures have none, nor has a bond."""
    text = _BOND.sub("", text)
    return len(_LATIN.findall(text)) + (0 if text.isascii() else _HAN_WEIGHT * len(_HAN.findall(text)))


@lru_cache(maxsize=8192)
def _retold(text: str, to: Language) -> str:
    try:
        return _Telling(to).told(text).text
    except TimeoutError:
        return text


class _Telling:
    """One text and the parts of it, each looked through once."""

    def __init__(self, to: Language) -> None:
        self.to: Language = to
        self._catalogue = _catalogue()
        self._parts: dict[str, _Told] = {}
        self._tries = 0

    def told(self, text: str) -> _Told:
        """This text or part in the wanted language. Raises `TimeoutError`."""
        if (word := self._catalogue.word(text, self.to)) is not None:
            return _Told(word, _weight(text) or 1)
        if "\n" in text:
            return self._joined("\n", text.split("\n"))
        if not _is_foreign(text, self.to) or (" " not in text and text.isascii()) or len(text) > _LONGEST:
            return _Told(text)
        if text not in self._parts:
            self._parts[text] = self._looked_through(text)
        return self._parts[text]

    def told_in(self, place: str, value: str) -> _Told:
        """A value; in a place that is named like a context, a word has its meaning there."""
        word = self._catalogue.word_in(place, value, self.to)
        return self.told(value) if word is None else _Told(word, _weight(value) or 1)

    def count(self, tries: int = 1) -> None:
        """So many more ends of a value are tried. Raises `TimeoutError`."""
        self._tries += tries
        if self._tries > _MOST_TRIES:
            raise TimeoutError("the text takes longer to look through than any sentence")

    def _looked_through(self, text: str) -> _Told:
        self.count(_TRIES_OF_A_PART)
        best, all_of_it = _Told(text), _weight(text)
        in_a_row = _ENDS[self.to].search
        several = in_a_row(text)
        for form in self._catalogue.forms_like(text):
            if several and not (form.certain or in_a_row(form.source)):
                continue  # like "{what}: {reason}.", which is found again in one of the sentences
            if (told := form.tell(text, all_of_it, self)) is not None and told.known > best.known:
                best = told
            if best.known and (form.certain or best.known >= all_of_it):
                return best
        return max(best, self._in_parts(text, all_of_it), key=lambda told: told.known)

    def _in_parts(self, text: str, all_of_it: int) -> _Told:
        """A text that is no sentence: sentences in a row, or one after a time."""
        if (stamp := _STAMP.match(text)) is not None:
            rest = self.told(text[stamp.end() :])
            return _Told(stamp[0] + rest.text, rest.known)
        if len(row := _ENDS[self.to].split(text)) > 1 and (told := self._in_a_row(row)).known * 2 >= all_of_it > 0:
            return told
        foreign, stop = _STOPS[self.to]
        if text.endswith(foreign) and (told := self.told(text[: -len(foreign)])).known * 2 >= all_of_it > 0:
            return _Told(told.text + stop, told.known)
        for mark, between in _BETWEEN[self.to].items():
            if mark in text and (told := self._joined(between, text.split(mark))).known * 2 >= all_of_it > 0:
                return told
        return _Told(text)

    def _in_a_row(self, row: list[str]) -> _Told:
        """Whole sentences; in Chinese no space follows a full stop."""
        told = [self.told(part) for part in row]
        spaced = (part.text if part.text.endswith("。") else part.text + " " for part in told)
        return _Told("".join(spaced).rstrip(), sum(part.known for part in told))

    def _joined(self, between: str, parts: list[str]) -> _Told:
        told = [self.told(part) for part in parts]
        return _Told(between.join(part.text for part in told), sum(part.known for part in told))


@dataclass(frozen=True)
class _Form:
    """One way in which a message reads: English for one or for many, or Chinese."""

    source: str
    english: tuple[str, ...]
    chinese: str

    def tell(self, text: str, all_of_it: int, telling: _Telling) -> _Told | None:
        """The message again with the values that this text has; None where it does not read like this. `all_of_it` is
        the text's weight."""
        if not self._may_be(text):
            return None
        told = self._matched(text, all_of_it, telling, longest=False)
        if told is None or not self.certain or told.known >= all_of_it:
            return told
        # What stands after a value may stand in it too: "第 4 名，第1次重新定价".
        other = self._matched(text, all_of_it, telling, longest=True)
        return other if other is not None and other.known > told.known else told

    def _may_be(self, text: str) -> bool:
        """Whether what stands between its places comes in this order: that is found much sooner than the values are."""
        first, *inner, last = self.literals
        if not (text.startswith(first) and text.endswith(last)):
            return False
        at = len(first)
        for literal in inner:
            if (found := text.find(literal, at)) < 0:
                return False
            at = found + len(literal)
        return at + len(last) <= len(text)

    def _matched(self, text: str, all_of_it: int, telling: _Telling, *, longest: bool) -> _Told | None:
        found = self._values(text, len(self.literals[0]), 0, telling, longest=longest)
        if found is None or any(value.endswith(" ") for value in found.values()):
            return None
        if not self.certain and self._begins_with_several(found, telling.to):
            return None
        values = {name: telling.told_in(name, value) for name, value in found.items()}
        known = self.weight + sum(value.known for value in values.values())
        # A broker's sentence has words of ours too: with fewer of them it would be half translated, and wrong.
        if not known or (not self.certain and known * 3 < all_of_it * 2):
            return None
        if not self.certain and telling.to == "zh" and any(map(_half_told, values.values())):
            return None
        one = values.get("count", _Told("1")).text == "1"
        wanted = self.chinese if telling.to == "zh" else self.english[0 if one else -1]
        return _Told(_filled(wanted, {name: value.text for name, value in values.items()}), known)

    def _begins_with_several(self, found: Mapping[str, str], to: Language) -> bool:
        """Whether its first value has clauses of its own, as in "Low premium, 0.5 years or more"."""
        value = "" if self.literals[0] else found[self._places[0][0]]
        return any(mark in value for mark in _BETWEEN[to])

    @cached_property
    def literals(self) -> list[str]:
        """What stands between its places."""
        return [literal for literal, _, _ in _pieces(self.source)]

    @cached_property
    def weight(self) -> int:
        """How much it says by itself."""
        return sum(map(_weight, self.literals))

    @cached_property
    def certain(self) -> bool:
        """Whether a text that reads like it cannot be another's."""
        return self.weight + 2 * sum(map(bool, self.literals)) >= _CERTAIN

    @cached_property
    def rank(self) -> tuple[bool, int, int]:
        """Of forms that a text may have, the one with the highest is tried first."""
        return self.certain, self.weight, sum(map(len, self.literals))

    @cached_property
    def _places(self) -> list[tuple[str, re.Pattern[str] | None, str]]:
        """Each place by its name, what a value in it looks like where that is known, and the literal after it."""
        pieces = list(_pieces(self.source))
        return [(name, _value(name, spec), following) for (_, name, spec), (following, _, _) in pairwise(pieces)]

    def _values(self, text: str, at: int, number: int, telling: _Telling, *, longest: bool) -> dict[str, str] | None:
        """The values of the places from this one on, which begins at the letter `at`: each as short or as long as can
        be; None where they do not fit."""
        name, shape, literal = self._places[number]
        final = number == len(self._places) - 1
        for end in (len(text) - len(literal),) if final else _ends(text, at, literal, longest=longest):
            telling.count()
            value = text[at:end]
            if end < at or (shape is not None and not shape.fullmatch(value)):
                continue
            if final:
                return {name: value}
            rest = self._values(text, end + len(literal), number + 1, telling, longest=longest)
            if rest is not None and rest.get(name, value) == value:
                return {name: value, **rest}
        return None


def _ends(text: str, at: int, literal: str, *, longest: bool) -> Iterator[int]:
    """Where a value that begins at `at` may end, the likeliest first: before its literal."""
    if not literal:
        yield from (match.end() for word in _ONE_WORD if (match := word.match(text, at)) is not None)
        yield from range(len(text), at - 1, -1)
        return
    end = text.rfind(literal, at) if longest else text.find(literal, at)
    while end >= 0:
        yield end
        end = text.rfind(literal, at, end + len(literal) - 1) if longest else text.find(literal, end + 1)


@cache
def _value(name: str, spec: str) -> re.Pattern[str] | None:
    """What a value of this format looks like; None for one that may be anything. A count is a number."""
    if spec.startswith("%"):
        return re.compile(re.sub("%Y", r"\\d{4}", re.sub("%[mdHMS]", r"\\d\\d", spec)))
    return _NUMBER if name == "count" or spec[-1:] in tuple("fgd%,") else None


def _pieces(source: str) -> Iterator[tuple[str, str, str]]:
    """A template as (text, name of the place after it, its format); a place of a log call has its number as name."""
    brace = _PLACE.search(source) is not None
    at = 0
    for number, place in enumerate((_PLACE if brace else _LOGGED).finditer(source)):
        name, spec = (place[1], place[2] or "") if brace else (f"_{number}", place[1].replace("s", ""))
        yield source[at : place.start()], name, spec
        at = place.end()
    yield source[at:], "", ""


def _filled(source: str, values: Mapping[str, str]) -> str:
    return "".join(literal + (values.get(name, "1") if name else "") for literal, name, _ in _pieces(source))


class _Catalogue:
    """The messages of the catalogue: those without places by their text, the others by what stands in them."""

    def __init__(self, messages: Mapping[str, str]) -> None:
        self._messages = messages
        self._words: Mapping[Language, dict[str, str]] = {"en": {}, "zh": {}}
        self._in_context: Mapping[Language, dict[tuple[str, str], str]] = {"en": {}, "zh": {}}
        forms: list[_Form] = []
        # Last come those without a context, and of English the words that are not titles: they are used.
        for key, chinese in sorted(messages.items(), key=lambda item: ("\x04" not in item[0], item[0])):
            english = tuple(key.rpartition("\x04")[2].split("\x00"))
            if _PLACES.search(chinese):
                forms += (_Form(source, english, chinese) for source in {*english, chinese})
            self._words["en"][chinese] = english[0]
            self._words["zh"] |= dict.fromkeys(english, chinese)
            if context := key.rpartition("\x04")[0]:
                self._in_context["en"][context, chinese] = english[0]
                self._in_context["zh"] |= {(context, word): chinese for word in english}
        self._by_part = _by_rarest_part(forms)
        self._short = [part for part in self._by_part if len(part) < 3]

    def word(self, text: str, to: Language) -> str | None:
        """A message without places, in this language; the text itself where it is in it already."""
        other: Language = "en" if to == "zh" else "zh"
        return self._words[to].get(text) or (text if text in self._words[other] else None)

    def word_in(self, context: str, text: str, to: Language) -> str | None:
        """A message of this context without places, in this language."""
        return self._in_context[to].get((context, text))

    def english_with(self, character: str) -> list[str]:
        """This Chinese character, and of each message whose Chinese has it what surely stands in its English."""
        found = {character}
        for key, chinese in self._messages.items():
            if character in chinese:
                for english in key.rpartition("\x04")[2].split("\x00"):
                    found.add(max((literal for literal, _, _ in _pieces(english)), key=len))
        return sorted(found)

    def forms_like(self, text: str) -> list[_Form]:
        """The forms that this text may have, those first that say most by themselves."""
        parts = {text[at : at + 3] for at in range(len(text) - 2)} & self._by_part.keys()
        parts |= {part for part in self._short if part in text}
        return sorted(
            (form for part in parts for form in self._by_part[part]), key=lambda form: form.rank, reverse=True
        )


def _by_rarest_part(forms: list[_Form]) -> Mapping[str, list[_Form]]:
    """The forms by those three letters of their longest literal that the fewest others have; a shorter one as it is."""
    longest = [max(form.literals, key=len) for form in forms]
    parts = [[literal[at : at + 3] for at in range(max(1, len(literal) - 2))] for literal in longest]
    often = Counter(part for own in parts for part in own)
    found: defaultdict[str, list[_Form]] = defaultdict(list)
    for form, own in zip(forms, parts, strict=True):
        found[min(own, key=often.__getitem__)].append(form)
    return found


@cache
def _catalogue() -> _Catalogue:
    """Read when it is first needed. gettext would drop the English plurals."""
    binary = (files("core") / "locale" / "zh_CN" / "LC_MESSAGES" / "rotor.mo").read_bytes()
    count, ids, texts = struct.unpack("<3I", binary[8:20])

    def read(table: int) -> Iterator[str]:
        for number in range(count):
            length, begin = struct.unpack_from("<2I", binary, table + 8 * number)
            yield binary[begin : begin + length].decode("utf-8")

    return _Catalogue({key: text for key, text in zip(read(ids), read(texts), strict=True) if key})
