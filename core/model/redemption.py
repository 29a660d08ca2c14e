"""The issuer's forced redemption (强赎) of a bond."""

from enum import StrEnum

from core.i18n import mark


class RedemptionState(StrEnum):
    """The state of the issuer's forced redemption (强赎)."""

    NONE = mark("not called")
    MET = mark("conditions met, undecided")
    DECLINED = mark("announced not to call")
    CALLED = mark("called")
    MATURING = mark("maturing")
    UNREADABLE = mark("unknown state")
