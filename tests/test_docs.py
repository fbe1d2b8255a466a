"""The Python examples of README.md and docs/ run; what these pages list is what exists."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import h5py
import numpy as np
import pytest

from ngprecomp.cli.main import main, make_parser

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Pages whose commands run one after the other, among their Python examples.
COMMANDS_RUN = ("copy.md", "labels.md")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    """Put the files that the pages convert into an empty working folder."""
    monkeypatch.chdir(tmp_path)
    labels = np.repeat(np.arange(1, 41, dtype=np.uint64), 192 * 256).reshape(40, 192, 256)
    Path("quickstart_output").mkdir()
    for path, offset in (("em.h5", [0, 0, 0]), ("quickstart_output/tissue.h5", [12000, 16000, 8000])):
        with h5py.File(path, "w") as file:
            file["volumes/raw"] = labels.astype(np.uint8)
            file["volumes/labels/neuron_ids"] = labels
            for name in ("volumes/raw", "volumes/labels/neuron_ids"):
                file[name].attrs["resolution"] = [40.0, 8.0, 8.0]
                file[name].attrs["offset"] = offset


def run_commands(code):
    """Run the lines of a shell block that begin with our command; a remark may follow."""
    for line in code.splitlines():
        program, *argv = shlex.split(line, comments=True) or [""]
        if program == "ngprecomp":
            assert main(argv) == 0, line


@pytest.mark.usefixtures("inputs")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_run(page):
    namespace = {}
    for language, code in FENCE.findall(page.read_text()):
        if language == "python" and ">>> " not in code:
            exec(compile(code, f"{page.name}: {code.splitlines()[0]}", "exec"), namespace)
        elif language == "sh" and page.name in COMMANDS_RUN:
            run_commands(code)


def test_examples_with_their_output_run():
    found = doctest.testfile(str(ROOT / "docs" / "spec.md"), module_relative=False)
    assert found.attempted > 30
    assert found.failed == 0


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_readme_begins_with_the_two_commands():
    language, block = FENCE.search((ROOT / "README.md").read_text()).groups()
    first, second = block.splitlines()
    assert language == "sh"
    assert first.endswith("examples/quickstart.py")
    assert second.endswith("-m pytest")
    for command in (first, second):
        assert command.startswith("python3 -m venv .venv && .venv/bin/python -m pip install -q -e ")


def test_every_option_of_convert_is_documented():
    _, commands = make_parser()
    exist = set(re.findall(r"--[a-z][a-z-]+", commands.choices["convert"].format_help())) - {"--help"}
    table = (ROOT / "docs/convert.md").read_text().split("## All options")[1]
    assert set(re.findall(r"--[a-z][a-z-]+", table)) == exist
