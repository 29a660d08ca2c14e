"""One table of akshare, fetched in a process of its own: `rotor akshare-table bond_cb_redeem_jsl`.

akshare brings pandas and a hundred modules with it, sets no deadline of its own and prints progress bars: here it may
hang, leak or crash, and nothing that trades notices. Prints one JSON document: `{"columns": [...], "rows": [[...]]}`,
each value as text or null, else `{"error": "..."}`.
"""

import importlib
import json
import sys
from typing import Any

TABLES = ("bond_cb_redeem_jsl", "bond_cov_comparison", "bond_zh_hs_cov_spot")
"""What may be asked for: calls of akshare without arguments."""


def main(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    if name not in TABLES:
        return _answer({"error": f"there is no table {name!r}: {', '.join(TABLES)}"})
    try:
        akshare = importlib.import_module("akshare")
    except ImportError as error:
        return _answer({"error": f"akshare does not load: {error}"})
    try:
        frame: Any = getattr(akshare, name)()
        rows = [[_text(value) for value in row] for row in frame.itertuples(index=False, name=None)]
        return _answer({"columns": [str(column) for column in frame.columns], "rows": rows})
    except Exception as error:  # whatever a site's new shape breaks in there
        return _answer({"error": _why(error)})


def _why(error: Exception) -> str:
    """The network's own texts name pools and addresses, and help nobody; an answer that is no JSON is an `OSError` of
    requests too."""
    kind = type(error).__name__
    if isinstance(error, OSError) and not isinstance(error, ValueError):
        return f"its site was not reached ({kind})"
    return f"its answer is not understood ({kind}: {error})"


def _text(value: Any) -> str | None:  # noqa: ANN401  (a cell of a frame)
    """As text; None for every kind of nothing that a frame knows."""
    if value is None or value != value or str(value) in {"NaT", "<NA>"}:
        return None
    return str(value)


def _answer(document: dict[str, Any]) -> int:
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    return 1 if "error" in document else 0
