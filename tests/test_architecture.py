"""The sizes and names that CONTRIBUTING.md asks for."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "ngprecomp").rglob("*.py"))
VAGUE = {"utils", "util", "core", "common", "base", "helpers", "misc"}


def names(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.fixture(scope="module", params=MODULES, ids=names(MODULES))
def module(request):
    return request.param


def body_lines(function):
    """Return the lines of a function without signature and docstring."""
    body = function.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_files_are_short(module):
    assert len(module.read_text().splitlines()) <= 500


def test_functions_are_short(module):
    limit = 120 if module.parent.name == "kernels" else 60
    functions = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.FunctionDef)]
    assert {function.name: lines for function in functions if (lines := body_lines(function)) >= limit} == {}


def test_modules_say_what_they_hold(module):
    assert ast.get_docstring(ast.parse(module.read_text()))


def test_names_are_not_vague(module):
    assert VAGUE.isdisjoint(module.relative_to(ROOT).with_suffix("").parts)
