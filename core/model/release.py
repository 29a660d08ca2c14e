"""A version of this program that is newer than the one that runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """`notes` is plain text, already without what could steer a terminal; `page` and `dated` may be empty."""

    version: str
    notes: str
    page: str = ""
    dated: str = ""
