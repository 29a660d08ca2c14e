"""Every broker that must behave the same."""

from tests.contract.qmt_venue import QmtVenue
from tests.contract.venue import Opener, PaperVenue

OPENERS: dict[str, Opener] = {"paper": PaperVenue.opened, "qmt": QmtVenue.opened}
