"""Everything that trades, without a terminal or a screen."""

__version__ = "0.2.0"
