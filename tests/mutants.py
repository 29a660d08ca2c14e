"""Mutants of the guards: `python -m tests.mutants [COUNT] [FOLDER]`.

Changes one comparison, condition, refusal or number of the rules and guards at a time, in a scratch copy of this
checkout or of the one in FOLDER, runs their tests, and prints how many of the COUNT mutants (40) they caught. The
sample is the same each time for the same code. One mutant takes as long as these tests: some ten seconds.
"""

import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ("tests/rules", "tests/trading", "tests/property", "tests/bonds")
_SECONDS = 300
_SKIPPED = {"rotation.py", "runs.py", "state_store.py", "memory.py", "schema.py", "self_test.py", "selftest.py"}
_SWAPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


def guard_files(root: Path) -> list[Path]:
    """The rules, and what stands between a plan and the broker."""
    folders = (root / "core" / "rules", root / "core" / "trading")
    return sorted(path for folder in folders for path in folder.glob("*.py") if path.name not in _SKIPPED)


def mutants(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Each place that can be changed: its number in a walk of the tree, and what becomes of it."""
    for number, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPPED:
            yield number, f"{type(node.ops[0]).__name__} becomes {_SWAPPED[type(node.ops[0])].__name__}"
        elif isinstance(node, ast.BoolOp):
            yield number, "or becomes and" if isinstance(node.op, ast.Or) else "and becomes or"
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield number, "not goes"
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Call) and _says(node.value):
            yield number, "the reason becomes None"
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            yield number, f"{node.value} becomes {node.value + 1}"


def _says(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "say"


def changed(tree: ast.Module, place: int) -> tuple[str, int]:
    """The source with the change at this place, and the line of it."""
    mutant = copy.deepcopy(tree)
    node = next(node for number, node in enumerate(ast.walk(mutant)) if number == place)
    match node:
        case ast.Compare():
            node.ops[0] = _SWAPPED[type(node.ops[0])]()
        case ast.BoolOp():
            node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        case ast.UnaryOp():
            node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
        case ast.Return():
            node.value = ast.Constant(None)
        case ast.Constant(value=int(number)):
            node.value = number + 1
        case _:
            raise TypeError(f"{type(node).__name__} has no mutant")
    return ast.unparse(ast.fix_missing_locations(mutant)), getattr(node, "lineno", 0)


def caught(folder: Path) -> bool:
    """Whether a test fails, or never ends."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "2", "-p", "no:cacheprovider", *TESTS]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def main(arguments: list[str]) -> None:
    count = int(arguments[0]) if arguments else 40
    root = Path(arguments[1]).resolve() if len(arguments) > 1 else ROOT
    trees = {path.relative_to(root): ast.parse(path.read_text("utf-8")) for path in guard_files(root)}
    places = [(path, place, what) for path, tree in trees.items() for place, what in mutants(tree)]
    sample = random.Random(1).sample(places, min(count, len(places)))
    survivors: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "checkout"
        shutil.copytree(root, folder, ignore=shutil.ignore_patterns(".git", "__pycache__", "dist"))
        if caught(folder):
            raise SystemExit("the tests fail without any change")
        for path, place, what in sample:
            source, line = changed(trees[path], place)
            before = (folder / path).read_text("utf-8")
            (folder / path).write_text(source, "utf-8")
            found = caught(folder)
            (folder / path).write_text(before, "utf-8")
            told = f"{'caught  ' if found else 'SURVIVED'} {path.as_posix()}:{line} {what}"
            print(told, flush=True)  # noqa: T201
            if not found:
                survivors.append(told)
    print(f"{len(sample) - len(survivors)} of {len(sample)} caught; {len(places)} places in all")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
