"""What a bond trader looks at, of the bonds that the screens show: from the tables and the newest prices."""

from collections.abc import Iterable, Mapping

from core.engine.assembly import Components
from core.model.bond import BondCode
from core.model.bond_info import BondInfo
from core.model.bond_metrics import BondFigures, BondMetrics, BondTerms, SharePrice
from core.model.known import Known, Maybe
from core.model.quote import Quote
from core.rules import valuation


class MetricsReader:
    """Reads nothing itself: the tables are fetched and the prices followed by others. Keeps what it made for the last
    snapshot, so that what has not changed is the same object in the next."""

    def __init__(self, components: Components) -> None:
        self._components = components
        self._terms: dict[BondCode, tuple[BondInfo, BondTerms]] = {}
        self._figures: dict[BondCode, tuple[BondInfo, Quote | None, SharePrice | None, BondFigures]] = {}

    def codes(self) -> tuple[BondCode, ...]:
        """The bonds that are held, owned, planned or on order."""
        order_manager, rotation = self._components.order_manager, self._components.rotation
        plan = rotation.pending_plan
        planned = () if plan is None else (*plan.codes, *(row.code for row in (*plan.legs, *plan.kept, *plan.blocked)))
        found = {
            *order_manager.ledger.holdings(),
            *rotation.account.latest.codes,
            *(order.intent.code for order in order_manager.journal.open()),
            *planned,
        }
        return tuple(sorted(found))

    def rows(self) -> tuple[tuple[BondTerms, ...], tuple[BondFigures, ...]]:
        """Of each of `codes`, in their order."""
        codes, quotes = self.codes(), self._components.state.quotes
        infos = self._components.bonds.bond_infos(codes)
        self._terms = {code: kept for code in codes if (kept := self._terms.get(code)) is not None}
        self._figures = {code: made for code in codes if (made := self._figures.get(code)) is not None}
        return (
            tuple(self._terms_of(infos[code]) for code in codes),
            tuple(self._kept_figures(infos[code], quotes.get(code)) for code in codes),
        )

    def share_codes(self, codes: Iterable[BondCode]) -> frozenset[str]:
        """The underlying shares of these bonds, as far as they are known."""
        infos = self._components.bonds.bond_infos(codes)
        return frozenset(valuation.share_code(info) for info in infos.values()) - {""}

    async def refresh_shares(self, codes: Iterable[BondCode]) -> None:
        """Ask once for the shares of bonds that may not be followed; takes a second at most."""
        await self._components.shares.refresh(self.share_codes(codes))

    def of(self, codes: Iterable[BondCode], quotes: Mapping[BondCode, Maybe[Quote]]) -> dict[BondCode, BondMetrics]:
        """Of these bonds at these prices."""
        infos = self._components.bonds.bond_infos(codes)
        return {
            code: BondMetrics(valuation.terms(info), self._figures_of(info, quotes.get(code)))
            for code, info in infos.items()
        }

    def _terms_of(self, info: BondInfo) -> BondTerms:
        kept = self._terms.get(info.code)
        if kept is None or kept[0] != info:
            kept = self._terms[info.code] = (info, valuation.terms(info))
        return kept[1]

    def _kept_figures(self, info: BondInfo, found: Maybe[Quote] | None) -> BondFigures:
        """As they were made before, where nothing of it has changed."""
        quote = found.value if isinstance(found, Known) else None
        share = self._components.shares.latest(valuation.share_code(info))
        kept = self._figures.get(info.code)
        if kept is None or kept[:3] != (info, quote, share):
            kept = self._figures[info.code] = (info, quote, share, valuation.figures(info, quote, share))
        return kept[3]

    def _figures_of(self, info: BondInfo, found: Maybe[Quote] | None) -> BondFigures:
        quote = found.value if isinstance(found, Known) else None
        return valuation.figures(info, quote, self._components.shares.latest(valuation.share_code(info)))
