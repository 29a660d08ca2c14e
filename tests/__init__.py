"""Tests. The emulated terminal is importable in all of them."""

import tests.miniqmt  # noqa: F401
