"""Everything that is known of one bond, for a screen."""

from dataclasses import dataclass

from core.model.bond import BondCode
from core.model.bond_info import Dossier
from core.model.known import Maybe
from core.model.quote import Quote


@dataclass(frozen=True, slots=True)
class SourcePrice:
    """What one source of prices says of the bond."""

    source: str
    in_use: bool
    quote: Maybe[Quote]


@dataclass(frozen=True, slots=True)
class BondCard:
    """`why_not` says why the bond would not be bought now, empty where nothing forbids it; `danger`, what threatens who
    holds it."""

    code: BondCode
    name: str
    prices: tuple[SourcePrice, ...]
    dossier: Dossier
    why_not: str
    danger: str
