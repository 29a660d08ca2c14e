.PHONY: check test test-fast run demo

check:
	ruff check .
	ruff format --check .
	pyright
	lint-imports
	python -m tests.words

test:
	python -m pytest

test-fast:
	python -m pytest -m "not slow and not live"

run:
	python -m tui.cli

demo:
	python -m tui.cli demo
