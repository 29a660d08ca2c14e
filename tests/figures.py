"""Figures of the source's structure: `python -m tests.figures [FOLDER]` for this checkout or another one."""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

ROOT = Path(__file__).parents[1]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def figures(root: Path) -> Iterator[tuple[str, object]]:
    """Each figure with its name, for the checkout in this folder."""
    source = [path for folder in ("core", "tui") for path in (root / folder).rglob("*.py")]
    trees = {path: ast.parse(path.read_text("utf-8")) for path in source}
    lines = {path: path.read_text("utf-8").count("\n") for path in source}
    classes = [found for tree in trees.values() for found in ast.walk(tree) if isinstance(found, ast.ClassDef)]
    sizes = sorted(
        (found.end_lineno or 0) - found.lineno + 1
        for tree in trees.values()
        for found in ast.walk(tree)
        if isinstance(found, _FUNCTIONS)
    )
    longest = max(lines, key=lambda path: lines[path])
    tests = list((root / "tests").rglob("*.py"))
    yield "source files", len(source)
    yield "source lines", sum(lines.values())
    yield (
        "rooms of core: folders and modules at its top",
        sum(
            (path.suffix == ".py" and path.name != "__init__.py") or (path / "__init__.py").is_file()
            for path in (root / "core").iterdir()
        ),
    )
    yield "modules in an import circle", circles(root, trees)
    yield "longest file", f"{longest.relative_to(root).as_posix()} {lines[longest]}"
    yield "files over 400 lines", sum(count > 400 for count in lines.values())
    yield "lines of a function, median and p95", f"{sizes[len(sizes) // 2]} {quantiles(sizes, n=20)[-1]:.0f}"
    yield "class names that stand more than once", sum(n > 1 for n in Counter(c.name for c in classes).values())
    yield "exception classes, and those without a base of ours", exceptions(classes)
    yield "test files", len(tests)
    yield "test lines", sum(path.read_text("utf-8").count("\n") for path in tests)


def circles(root: Path, trees: dict[Path, ast.Module]) -> int:
    """Modules that reach themselves by imports, those inside functions and for type checkers included."""
    modules = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for path in trees}
    reach: dict[str, set[str]] = {}
    for path, tree in trees.items():
        names = {
            name
            for found in ast.walk(tree)
            if isinstance(found, ast.ImportFrom) and found.module
            for alias in found.names
            for name in (found.module, f"{found.module}.{alias.name}")
        }
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        reach[module] = names & modules - {module}
    for _ in range(12):  # twice as far each time
        for module, others in reach.items():
            reach[module] = others.union(*(reach[other] for other in others))
    return sum(module in others for module, others in reach.items())


def exceptions(classes: list[ast.ClassDef]) -> str:
    """How many classes are exceptions, and how many of them have only a built-in one as their base."""
    bases = {found.name: [ast.unparse(base).split(".")[-1] for base in found.bases] for found in classes}
    known = {name for name in dir(__import__("builtins")) if name.endswith(("Error", "Exception"))}
    ours: set[str] = set()
    for _ in range(5):
        ours |= {name for name, above in bases.items() if set(above) & (known | ours) and name not in known}
    raised = {n for n in ours if any(b in known or b in ours for b in bases[n])}
    alone = [name for name in raised if not set(bases[name]) & ours]
    return f"{len(raised)} {len(alone)}"


def main(arguments: list[str]) -> None:
    for name, figure in figures(Path(arguments[0]) if arguments else ROOT):
        print(f"{name:<55} {figure}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
