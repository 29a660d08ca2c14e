"""The language in which sentences for a person are made: English as they stand in the code, or 简体中文.

Every sentence that a screen can show is made with `say`. One that was logged, stored or sent keeps the language it was
made in; `core.retold` makes it again where it is read. The log file and JSON are English: they are for machines and for
support.
"""

import gettext
import locale
import os
import sys
from collections.abc import Iterable
from importlib.resources import as_file, files
from typing import Literal

Language = Literal["en", "zh"]

DOMAIN = "rotor"
_FOLDERS = {"zh": "zh_CN"}
_current: tuple[Language, gettext.NullTranslations] = ("en", gettext.NullTranslations())


class Marked(str):
    """A marked text that keeps the context in which `say` translates it; else a string like any other."""

    __slots__ = ("context",)
    context: str


def say(text: str, /, *, context: str = "", **values: object) -> str:
    """The sentence in the language in use; `{name}` in it stands for a value, with the usual format specification.

    `context` tells two meanings of one English word apart: "Last" is a price in the context "price". A text of `mark`
    and a member of an enum with the attribute `context` bring their own. A word that the catalogue does not have in
    this context is translated without it.
    """
    told = _translated(text, context or getattr(text, "context", "")) if text else ""
    return told.format(**values) if values else told


def say_many(one: str, many: str, count: int, /, *, context: str = "", **values: object) -> str:
    """`one` or `many` by the count, which both may show as `{count}`; `context` as for `say`."""
    translations = _current[1]
    told = translations.npgettext(context, one, many, count) if context else translations.ngettext(one, many, count)
    return told.format(count=count, **values)


def mark(text: str, /, *, context: str = "") -> str:
    """The text as it is, for tables that are made once: it is in the catalogues, and `say` translates it when shown,
    in this context unless it is given another."""
    if not context:
        return text
    marked = Marked(text)
    marked.context = context
    return marked


def joined(texts: Iterable[str]) -> str:
    """Clauses of one sentence, with commas."""
    return _separated(texts, ", ", "，")


def listed(texts: Iterable[str]) -> str:
    """Things in a row: names, codes, figures."""
    return _separated(texts, ", ", "、")


def reasons(texts: Iterable[str]) -> str:
    """Sentences in a row, each of which could stand alone."""
    return _separated(texts, "; ", "；")


def sentences(texts: Iterable[str]) -> str:
    """Whole sentences in a row, each with its full stop."""
    stop = "。" if _current[0] == "zh" else "."
    ended = (text if text.endswith((".", "。", "?", "？")) else text + stop for text in texts)
    return _separated(ended, " ", "")


def labelled(label: str, text: str) -> str:
    """A label and what belongs to it."""
    return f"{label}：{text}" if _current[0] == "zh" else f"{label}: {text}"


def noted(text: str, note: str) -> str:
    """A sentence, and in parentheses what it is about."""
    return say("{text} ({note})", text=text, note=note)


def _separated(texts: Iterable[str], english: str, chinese: str) -> str:
    return (chinese if _current[0] == "zh" else english).join(texts)


def language() -> Language:
    """The language in use."""
    return _current[0]


def use_language(wanted: str) -> Language:
    """Make sentences in this language from now on: "en", "zh", or "auto" for what this machine speaks."""
    global _current
    chosen: Language = "zh" if (machine_language() if wanted == "auto" else wanted) == "zh" else "en"
    _current = (chosen, _translations(chosen))
    return chosen


def machine_language() -> Language:
    """What the user's environment or, on Windows, the user's display language says."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    if sys.platform == "win32":
        import ctypes

        # The primary language is the low ten bits; 4 is Chinese.
        return "zh" if ctypes.windll.kernel32.GetUserDefaultUILanguage() & 0x3FF == 4 else "en"
    return "zh" if (locale.getlocale()[0] or "").lower().startswith("zh") else "en"


def use_language_in_libraries() -> None:
    """Let libraries that translate their sentences with gettext, such as click, use the language in use too."""
    with as_file(files("core") / "locale") as root:
        gettext.bindtextdomain(DOMAIN, str(root))
    gettext.textdomain(DOMAIN)
    os.environ["LANGUAGE"] = _FOLDERS.get(_current[0], "en")


def _translated(text: str, context: str) -> str:
    translations = _current[1]
    if context and (told := translations.pgettext(context, text)) != text:
        return told
    return str(translations.gettext(text))


def _translations(chosen: Language) -> gettext.NullTranslations:
    folder = _FOLDERS.get(chosen)
    if folder is None:
        return gettext.NullTranslations()
    with as_file(files("core") / "locale") as root:
        return gettext.translation(DOMAIN, root, languages=[folder], fallback=True)
