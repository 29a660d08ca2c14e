"""Everything that trades: no terminal, no screen."""

__version__ = "0.2.0"
