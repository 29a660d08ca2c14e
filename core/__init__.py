"""Everything that trades: no terminal, no screen."""

__version__ = "0.1.0"
