"""Words that are typed out before something that cannot be taken back.

They are asked for in the language in use. The English one is always accepted: a terminal may have no Chinese input.
"""

from core.i18n import mark, say

CANCEL_ALL = mark("cancel", context="typed")
FLATTEN = mark("flatten", context="typed")
AGREE = mark("I agree", context="typed")


def is_typed(word: str, entered: str) -> bool:
    """Whether this is the word, as it is asked for or in English; spaces around it do not count."""
    return entered.strip() in (say(word), word)
