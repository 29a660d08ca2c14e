"""Words that have a plainer term: `python -m tests.words` lists where names and prose still use them."""

import ast
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = sorted(path for folder in ("core", "tui", "packaging") for path in (ROOT / folder).rglob("*.py"))
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

TERMS = {
    "agenda": "scheduler",
    "borne": "confirmed",
    "brake": "trading control",
    "chatter": "native output",
    "courier": "delivery",
    "departure": "exit",
    "desk": "order manager",
    "dossier": "bond info",
    "entrance": "login",
    "errand": "command",
    "greeting": "handshake",
    "newsroom": "alerts",
    "newswire": "delivery",
    "shift": "runtime",
    "steering": "trading commands",
    "timetable": "scheduler",
    "vault": "credentials",
    "whoever": "the user, the process",
}
"""Word → what to write instead. Plurals count too."""
PHRASES = {"the door": "endpoint", "the picture": "snapshot", "is told": "is notified", "are told": "are notified"}

_NAME_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_TERM = re.compile(rf"\b({'|'.join(TERMS)})s?\b", re.IGNORECASE)
_PROSE = re.compile(rf"\b({'|'.join(TERMS)})s?\b|\b({'|'.join(PHRASES)})\b", re.IGNORECASE)


def found() -> Iterator[str]:
    """One line for each place: file, line, the word and what to write instead."""
    for path in CODE:
        yield from in_code(path.read_text("utf-8"), path)
    for path in PAGES:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            yield from _in_prose(line, path, number)


def in_code(source: str, path: Path) -> Iterator[str]:
    """In the names that a module defines, its own name, its docstrings and its comments."""
    tree = ast.parse(source)
    names = [(1, path.stem), *_names(tree)]
    for number, name in names:
        for word in _NAME_WORD.findall(name):
            if match := _TERM.fullmatch(word):
                yield _line(path, number, match[1], name)
    for number, text in _prose(source, tree):
        yield from _in_prose(text, path, number)


def _names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What is defined here; names that are only used belong to others, such as `Decimal.shift`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def _prose(source: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    lines = source.splitlines(keepends=True)
    for token in tokenize.generate_tokens(iter(lines).__next__):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(tree):
        # A docstring, also one below a constant: an expression that is only a text.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, " ".join(node.value.value.split())


def _in_prose(text: str, path: Path, number: int) -> Iterator[str]:
    for match in _PROSE.finditer(text):
        yield _line(path, number, match[1] or match[2], text.strip()[:80])


def _line(path: Path, number: int, word: str, where: str) -> str:
    better = (TERMS | PHRASES)[word.lower()]
    return f"{path.relative_to(ROOT)}:{number}: {word.lower()} -> {better}: {where}"


if __name__ == "__main__":
    lines = list(found())
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.exit(1 if lines else 0)
