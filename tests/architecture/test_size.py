"""Small files and small functions: what does not fit on a screen is not read when it matters."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, files, python_files, shown

FILE_LINES = 400
FUNCTION_LINES = 40

_WRITTEN_BY_HAND = {".css", ".html", ".js", ".py", ".sql", ".toml"}
_CODE = {"benchmarks", "scripts", "src", "tests"}


def _code_files() -> list[Path]:
    return [path for path in files() if path.suffix in _WRITTEN_BY_HAND and path.relative_to(ROOT).parts[0] in _CODE]


def _functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def _too_long(source: str) -> list[str]:
    return [f"{name}: {lines} lines" for name, lines in _functions(ast.parse(source)) if lines >= FUNCTION_LINES]


def test_files_stay_short() -> None:
    lengths = {shown(path): len(path.read_text().splitlines()) for path in _code_files()}
    assert len(lengths) > 50
    assert {name: lines for name, lines in lengths.items() if lines >= FILE_LINES} == {}


def test_functions_stay_short() -> None:
    found = {shown(path): _too_long(path.read_text()) for path in python_files(*_CODE)}
    assert {name: functions for name, functions in found.items() if functions} == {}


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_a_long_function_is_found_wherever_it_hides(keyword: str) -> None:
    body = "\n".join(["        x = 1"] * (FUNCTION_LINES - 1))
    source = f"class Outer:\n    {keyword} inner(self):\n{body}\n"
    assert _too_long(source) == [f"inner: {FUNCTION_LINES} lines"]
    assert _too_long(source.removesuffix("        x = 1\n")) == []
