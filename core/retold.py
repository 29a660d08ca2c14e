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
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, fields, replace
from functools import cache, cached_property, lru_cache
from importlib.resources import files
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
_NUMBER = r"[-+]?[\d,]*\.?\d+%?"
_ONE_WORD = r"[A-Za-z0-9_./:-]+(?![A-Za-z0-9_./:\- ]| [^(])|[^!-~]+(?=[!-~])|.*"
"""A value with another one right after it: a code or figure, or Chinese before one. No other can be told from it."""

_WEIGHT = re.compile("[A-Za-z]|([\u4e00-\u9fff])")
_LATIN = re.compile("[A-Za-z]")
_HAN_WEIGHT = 3
_CERTAIN = 14
"""So much of its own, letters and twice the pieces between values, makes a message certain. With less, as in
"{count} days", a third of the text must be known."""

_LONGEST = 1000
"""Letters of a line beyond which it stays as it is: no sentence is so long, and to look through data takes long."""

_STAMP = re.compile(r"[\d:. -]+ (?:[A-Z]+ +\S+  )?(?=\S)")
"""A time, or what a line of the log begins with."""
_BETWEEN: Mapping[Language, Mapping[str, str]] = {
    "zh": {"; ": "；", ", ": "，"},
    "en": {"；": "; ", "，": ", ", "、": ", "},
}
"""What stands between sentences, clauses and things in a row; in English no mark tells the last two apart."""


def retold(text: str, to: Language) -> str:
    """The text in this language as far as the catalogue knows it; each line of several by itself."""
    return _told(text, to).text if _is_foreign(text, to) else text


def _is_foreign(text: str, to: Language) -> bool:
    """Whether anything in it could be of the other language."""
    return not text.isascii() if to == "en" else _LATIN.search(text) is not None


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


def _weight(text: str) -> int:
    """How much there is to understand: letters of words. Codes and figures have none."""
    return sum(_HAN_WEIGHT if han else 1 for han in _WEIGHT.findall(text))


@lru_cache(maxsize=8192)
def _told(text: str, to: Language) -> _Told:
    catalogue = _catalogue()
    if (word := catalogue.word(text, to)) is not None:
        return _Told(word, _weight(text) or 1)
    if "\n" in text:
        lines = [_told(line, to) for line in text.split("\n")]
        return _Told("\n".join(line.text for line in lines), sum(line.known for line in lines))
    if not _is_foreign(text, to) or (" " not in text and text.isascii()) or len(text) > _LONGEST:
        return _Told(text)
    best, all_of_it = _Told(text), _weight(text)
    for form in catalogue.forms_like(text):
        if (told := form.tell(text, to)) is not None and told.known > best.known:
            best = told
        if best.known and (form.certain or best.known >= all_of_it):
            return best
    return max(best, _in_parts(text, to), key=lambda told: told.known)


def _in_parts(text: str, to: Language) -> _Told:
    """A text that is no sentence: sentences in a row, or one after a time."""
    if (stamp := _STAMP.match(text)) is not None:
        rest = _told(text[stamp.end() :], to)
        return _Told(stamp[0] + rest.text, rest.known)
    for mark, between in _BETWEEN[to].items():
        told = [_told(part, to) for part in text.split(mark)] if mark in text else []
        if (known := sum(part.known for part in told)) * 2 >= _weight(text) > 0:
            return _Told(between.join(part.text for part in told), known)
    return _Told(text)


@dataclass(frozen=True)
class _Form:
    """One way in which a message reads: English for one or for many, or Chinese."""

    source: str
    english: tuple[str, ...]
    chinese: str

    def tell(self, text: str, to: Language) -> _Told | None:
        """The message again with the values that this text has; None where it does not read like this."""
        told = self._matched(self._shortest, text, to)
        if told is None or not self.certain or told.known >= _weight(text):
            return told
        # What stands after a value may stand in it too: "第 4 名，第1次重新定价".
        longest = self._matched(self._longest, text, to)
        return longest if longest is not None and longest.known > told.known else told

    def _matched(self, pattern: re.Pattern[str], text: str, to: Language) -> _Told | None:
        match = pattern.fullmatch(text)
        if match is None or any(value.endswith(" ") for value in match.groups()):
            return None
        values = {name: _value_told(name, value, to) for name, value in match.groupdict().items()}
        known = self.weight + sum(value.known for value in values.values())
        if not known or (not self.certain and known * 3 < _weight(text)):
            return None
        one = values.get("count", _Told("1")).text == "1"
        wanted = self.chinese if to == "zh" else self.english[0 if one else -1]
        return _Told(_filled(wanted, {name: value.text for name, value in values.items()}), known)

    @property
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
    def _shortest(self) -> re.Pattern[str]:
        return self._pattern(".*?")

    @cached_property
    def _longest(self) -> re.Pattern[str]:
        return self._pattern(".*")

    def _pattern(self, anything: str) -> re.Pattern[str]:
        pieces, seen = list(_pieces(self.source)), set[str]()
        pattern = ""
        for (literal, name, spec), following in zip(pieces, [*pieces[1:], ("", "", "")], strict=True):
            pattern += re.escape(literal)
            if name in seen:
                pattern += f"(?P={name})"
            elif name:
                alone = following[0] or not following[1]
                pattern += f"(?P<{name}>{_value(spec) or (anything if alone else _ONE_WORD)})"
            seen.add(name)
        return re.compile(pattern, re.DOTALL)


def _value_told(place: str, value: str, to: Language) -> _Told:
    """A value; in a place that is named like a context, a word has its meaning there."""
    word = _catalogue().word_in(place, value, to)
    return _told(value, to) if word is None else _Told(word, _weight(value) or 1)


def _value(spec: str) -> str:
    """What a value of this format looks like; empty for one that may be anything."""
    if spec.startswith("%"):
        return re.sub("%Y", r"\\d{4}", re.sub("%[mdHMS]", r"\\d\\d", spec))
    return _NUMBER if spec[-1:] in tuple("fgd%,") else ""


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
