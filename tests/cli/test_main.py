"""Statuses, sentences and the parser: everything that is no single command's business."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.cli.main import main
from ngprecomp.errors import OptionError, SourceError


def refused(capsys, *argv):
    """Run a command that argparse refuses, and return what it printed on stderr."""
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    printed = capsys.readouterr()
    assert stopped.value.code == 2
    assert printed.out == ""
    assert printed.err.startswith("ngprecomp: ")
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize(
    "argv", [["--help"], ["convert", "--help"], ["pyramid", "--help"], ["info", "-h"], ["--version"]]
)
def test_help_and_version(argv, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 0
    assert "ngprecomp" in capsys.readouterr().out


def test_module_is_the_command(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "ngprecomp", "info", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr == f"ngprecomp: no volume at file://{tmp_path}: it has no file named info\n"


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["convrt", "a", "b"], "there is no command convrt; did you mean convert?"),
        (["xyz"], "there is no command xyz ("),
        (["convert", "a"], "required: DEST"),
        (["convert", "a", "b", "--resolutin", "4,4,40"], "there is no option --resolutin; did you mean --resolution?"),
        (["convert", "a", "b", "--res=4,4,40"], "there is no option --res; did you mean --resolution?"),
        (["convert", "a", "b", "--wholly-unknown"], "there is no option --wholly-unknown ("),
        (["convert", "a", "b", "c"], "unexpected c"),
        (["convert", "a", "b", "--levels", "two"], "argument --levels: invalid int value: 'two'"),
        (["convert", "a", "b", "--offset", "-5,0"], "expected integers x,y,z"),
        (["convert", "a", "b", "--sharded", "--unsharded"], "not allowed with"),
        (["info", "a", "--jsno"], "there is no option --jsno; did you mean --json?"),
    ],
)
def test_wrong_usage(argv, sentence, capsys):
    assert sentence in refused(capsys, *argv)


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (OptionError("memory is a number"), 2, "memory is a number"),
        (SourceError("a.tif is cut off"), 1, "a.tif is cut off"),
        (PermissionError(13, "Permission denied", "/data"), 1, "/data: Permission denied"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (RuntimeError("two\nlines"), 1, "unexpected RuntimeError: two lines (--debug shows where)"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_errors_are_one_sentence(error, status, sentence, monkeypatch, capsys):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(ng, "convert", fail)
    assert main(["convert", "a", "b"]) == status
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"ngprecomp: {sentence}\n")


@pytest.mark.parametrize("argv", [["--debug", "convert", "a", "b"], ["convert", "a", "b", "--debug"]])
def test_debug_shows_the_traceback(argv, monkeypatch, capsys):
    def fail(*_, **__):
        raise SourceError("a is cut off")

    monkeypatch.setattr(ng, "convert", fail)
    assert main(argv) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("Traceback")
    assert printed.endswith("\nngprecomp: a is cut off\n")


def test_closed_pipe_is_quiet(tmp_path):
    ng.create(tmp_path / "volume", shape=(4, 4, 4), dtype=np.uint8)
    with subprocess.Popen(
        [sys.executable, "-m", "ngprecomp", "info", str(tmp_path / "volume")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as run:
        run.stdout.close()
        assert run.stderr.read() == b""
        assert run.wait() == 1
