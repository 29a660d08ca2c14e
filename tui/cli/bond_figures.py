"""What a bond trader looks at, as the JSON of `rotor plan` and `rotor status` has it: by the engine's snapshot, as the
Plan and Positions screens."""

import time
from collections.abc import Callable, Collection
from datetime import datetime

from core.engine.ipc.link import EngineLink
from core.i18n import say
from core.model.bond import BondCode
from core.model.bond_metrics import BondFigures, BondMetrics, BondTerms
from core.model.plan import Plan
from core.model.snapshot import Snapshot
from tui.cli.output import Document, fields, plain

_PLAN_SECONDS = 3.0
"""Seconds that the engine has to show the plan with the figures of its bonds."""

_SHARE_SECONDS = 2.0
"""Seconds more for the prices of the underlying shares of bonds that were not followed before."""


def bonds_document(shown: Snapshot | None, wanted: Collection[BondCode] | None = None) -> Document:
    """The bonds that are held, owned, planned or on order, or those that are wanted, with the time of the figures.

    `why` tells why `rows` is null or lacks a bond.
    """
    if shown is None:
        return {"at": None, "why": say("no running engine answers: premiums need its prices"), "rows": None}
    found = shown.metrics()
    codes = list(found) if wanted is None else [code for code in wanted if code in found]
    missing = sorted(set(wanted or ()) - set(codes))
    return {
        "at": shown.at.isoformat(timespec="seconds"),
        "why": say("no figures yet of {codes}", codes=", ".join(missing)) if missing else None,
        "rows": [bond_row(found[code], shown.at) for code in codes],
    }


def bonds_of_plan(engine: EngineLink, plan: Plan) -> Document:
    """The bonds of a plan that this engine has just made; takes some seconds at most."""
    rows = (*plan.legs, *plan.kept, *plan.blocked)
    _wait_until(lambda: _shows(engine.latest, plan), _PLAN_SECONDS)
    if plan.mode != "sandbox":  # which has no prices of shares
        _wait_until(lambda: _has_live_premium(engine.latest), _SHARE_SECONDS)
    return bonds_document(engine.latest, tuple(dict.fromkeys((*plan.codes, *(row.code for row in rows)))))


def bond_row(metrics: BondMetrics, at: datetime) -> Document:
    """Prices and `remaining_size` in CNY, ratios where 0.12 is 12 %; null where no source says it.

    `premium_live`: by two prices of the same minutes; else it is the table's that `premium_source` names.
    """
    terms, figures = metrics.terms, metrics.figures
    return {
        "code": str(terms.code),
        **fields(figures, "price", "premium"),
        "premium_live": figures.live,
        "premium_source": figures.premium_source or None,
        "premium_at": figures.premium_at.isoformat(timespec="seconds") if figures.premium_at else None,
        **fields(figures, "conversion_value", "double_low"),
        **_call(terms),
        "rating": terms.rating.value if terms.rating else None,
        "remaining_size": plain(terms.remaining_size.value) if terms.remaining_size else None,
        "maturity": terms.maturity.value.isoformat() if terms.maturity else None,
        "years_left": plain(terms.years_left(at.date())),
        "last_trading_day": terms.last_trade.value.isoformat() if terms.last_trade else None,
        "conversion_price": plain(terms.conversion_price.value) if terms.conversion_price else None,
        **_share(terms, figures),
    }


def _call(terms: BondTerms) -> Document:
    """The state of the redemption (强赎), and on how many days its condition was met, of how many."""
    met, needed = terms.counted.value if terms.counted else (None, None)
    state = str(terms.call.value) if terms.call else None
    return {"redemption": state, "days_met": met, "days_needed": needed, "days_to_call": terms.days_to_call}


def _share(terms: BondTerms, figures: BondFigures) -> Document:
    share = figures.share
    return {
        "share_code": terms.share_code or None,
        "share_name": terms.share_name or None,
        "share_price": plain(share.price) if share else None,
        "share_change": plain(share.change) if share else None,
    }


def _shows(shown: Snapshot | None, plan: Plan) -> bool:
    return shown is not None and shown.plan is not None and shown.plan.plan_id == plan.plan_id


def _has_live_premium(shown: Snapshot | None) -> bool:
    """One is enough: the prices of all shares come in one answer."""
    return shown is not None and any(figures.live for figures in shown.figures)


def _wait_until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
