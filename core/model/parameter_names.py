"""What the parameters and the factors of a strategy are called; Factor Cat gives them as keys."""

import re
from collections.abc import Mapping

from core.i18n import mark, say

_KNOWN = (
    # parameters of a record
    mark("initial cash", context="parameter"),
    mark("initial capital", context="parameter"),
    mark("start date", context="parameter"),
    mark("end date", context="parameter"),
    mark("holding period", context="parameter"),
    mark("holding days", context="parameter"),
    mark("commission", context="parameter"),
    mark("slippage", context="parameter"),
    mark("profit target ratio", context="parameter"),
    mark("stop loss ratio", context="parameter"),
    mark("trade timing", context="parameter"),
    mark("timing option", context="parameter"),
    mark("timing params", context="parameter"),
    mark("bond selection params", context="parameter"),
    mark("top n", context="parameter"),
    mark("negative factors", context="parameter"),
    mark("positive factors", context="parameter"),
    mark("strategy history id", context="parameter"),
    # results of a backtest
    mark("total return", context="parameter"),
    mark("annualized return", context="parameter"),
    mark("strategy return", context="parameter"),
    mark("max drawdown", context="parameter"),
    mark("sharpe ratio", context="parameter"),
    mark("calmar ratio", context="parameter"),
    mark("win rate", context="parameter"),
    mark("total trades", context="parameter"),
    mark("volatility", context="parameter"),
    mark("backtest time", context="parameter"),
    # factors and columns of a list
    mark("price", context="parameter"),
    mark("premium", context="parameter"),
    mark("premium rate", context="parameter"),
    mark("conversion premium", context="parameter"),
    mark("conversion value", context="parameter"),
    mark("conversion price", context="parameter"),
    mark("double low", context="parameter"),
    mark("rating", context="parameter"),
    mark("remaining size", context="parameter"),
    mark("remaining years", context="parameter"),
    mark("turnover", context="parameter"),
    mark("turnover rate", context="parameter"),
    mark("volume", context="parameter"),
    mark("amount", context="parameter"),
    mark("score", context="parameter"),
    mark("rank", context="parameter"),
    mark("weight", context="parameter"),
)
_NAMES: Mapping[str, str] = {str(name): name for name in _KNOWN}


def plain_key(key: str) -> str:
    """A key as words: `stopLossRatio` and `stop_loss_ratio` are `stop loss ratio`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", key).replace("_", " ").lower()


def parameter_name(key: str) -> str:
    """The name of a parameter as the user reads it; an unknown one is its key as words."""
    words = plain_key(key)
    return say(_NAMES.get(words, "")) or words
