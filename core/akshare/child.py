"""Fetch one akshare table in a child process: `rotor akshare-table bond_cb_redeem_jsl`.

akshare imports pandas, sets no timeout and prints progress bars. In a child process it may hang, leak or crash without
any effect on trading. Prints one JSON document: `{"columns": [...], "rows": [[...]]}`, each value as text or null, or
`{"error": "..."}`.
"""

import importlib
import json
import sys
from typing import Any

from core.i18n import say
from core.infra.network import limit_requests

TABLES: dict[str, dict[str, str]] = {
    "bond_cb_redeem_jsl": {},
    "bond_cov_comparison": {},
    "bond_zh_cov": {},
    "bond_zh_hs_cov_spot": {},
    "stock_zh_index_daily": {"symbol": "sh000832"},
}
"""The akshare functions that may be called, and with what."""

_EMPTY = frozenset({"None", "nan", "NaN", "NaT", "<NA>"})


def main(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    if name not in TABLES:
        return _print_json({"error": say("there is no table {name!r}: {tables}", name=name, tables=", ".join(TABLES))})
    try:
        akshare = importlib.import_module("akshare")
    except ImportError as error:
        return _print_json({"error": say("akshare does not load: {error}", error=error)})
    limit_requests()
    try:
        frame: Any = getattr(akshare, name)(**TABLES[name])
        rows = [[_text(value) for value in row] for row in frame.itertuples(index=False, name=None)]
        return _print_json({"columns": [str(column) for column in frame.columns], "rows": rows})
    except Exception as error:  # anything: akshare breaks whenever a site changes
        return _print_json({"error": _describe(error)})


def _describe(error: Exception) -> str:
    """For the user: a network error's own text only names connection pools and addresses.

    The JSON error of requests is both an `OSError` and a `ValueError`.
    """
    kind = type(error).__name__
    if isinstance(error, OSError) and not isinstance(error, ValueError):
        return say("its site was not reached ({kind})", kind=kind)
    return say("its answer is not understood ({error})", error=f"{kind}: {error}")


def _text(value: Any) -> str | None:  # noqa: ANN401  (a cell of a frame)
    """As text; None for each of pandas' empty values. Their text shows them: `pd.NA` cannot be compared."""
    text = str(value)
    return None if text in _EMPTY else text


def _print_json(document: dict[str, Any]) -> int:
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    return 1 if "error" in document else 0
