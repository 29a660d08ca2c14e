"""What the text of a source says of a bond's redemption (强赎): the days counted, and an announcement."""

import re
import unicodedata

from core.model.bond_info import RedemptionState

_COUNT = re.compile(r"(?<![\d.,/-])(\d{1,3})\s*/\s*(\d{1,3})\s*[|¦∣│]\s*(\d{1,3})(?![\d.,/-])")
_ANNOUNCED = re.compile(
    r"(?<![不未])公告[要将]?(?:强赎|(?:强制|提前)?赎回)|(?<![不未无])(?:强赎|赎回)公告已|最后交易日"
)
_MET = "已满足强赎条件"
_USUAL = re.compile(rf"至少还需\d+天|{_MET}|公告不强赎|\d{{4}}-\d\d-\d\d[起后]?重新(?:开始)?计[数算]?|[!-]")
"""Words beside a count that say nothing of a call, without the blanks in them."""


def days_counted(text: str) -> tuple[int, int] | None:
    """On how many days the condition was met and how many it takes, from "12/15 | 30": within 30 days.

    Signs may be full-width. Of several counts the one nearest to a call. None where the text holds none: "14/30" may
    mean fourteen of fifteen days, and is no count.
    """
    found = [(int(days), int(needed), int(total)) for days, needed, total in _COUNT.findall(_plain(text))]
    if not found or not all(0 < needed <= total and days <= total for days, needed, total in found):
        return None
    days, needed, _ = min(found, key=lambda one: one[1] - one[0])
    return days, needed


def stated(text: str) -> RedemptionState | None:
    """CALLED or MET where the text says so in words, None where it says neither."""
    plain = _joined(text)
    if _ANNOUNCED.search(plain):
        return RedemptionState.CALLED
    return RedemptionState.MET if _MET in plain else None


def beside_counts(text: str) -> str:
    """What the text says beside its counts and the usual words, whose meaning is not known; empty for nothing."""
    return _USUAL.sub("", _joined(_COUNT.sub(" ", _plain(text))))


def _joined(text: str) -> str:
    """Without the blanks that removed HTML leaves between words."""
    return "".join(_plain(text).split())


def _plain(text: str) -> str:
    """With ordinary digits, slashes and bars for the full-width ones."""
    return unicodedata.normalize("NFKC", text)
