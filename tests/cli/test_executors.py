"""The options that say where a job runs."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.cli.main import main
from ngprecomp.pipeline.engine import parts

COMMANDS = {
    "convert": (["a.npy", "v"], "ngprecomp.convert"),
    "pyramid": (["v"], "ngprecomp.build_pyramid"),
    "copy": (["v", "w"], "ngprecomp.pipeline.copying.copy_volume"),
    "ingest": (["a.npy", "v"], "ngprecomp.ingest"),
    "labels": (["v"], "ngprecomp.labels"),
    "check": (["v"], "ngprecomp.check"),
}


class CalledError(Exception):
    """The call has come."""


@pytest.mark.parametrize("command", COMMANDS)
def test_processes_reach_the_call(command, monkeypatch, capsys):
    positional, name = COMMANDS[command]
    given = []

    def called(*_, **keywords):
        given.append(keywords.get("executor", "none"))
        raise CalledError

    getattr(ng, name.rpartition(".")[2], None)  # loads it, so that it can be replaced
    monkeypatch.setattr(name, called)
    assert main([command, *positional]) == 1
    assert main([command, *positional, "--executor", "processes"]) == 1
    assert given == ["none", "processes"]
    with pytest.raises(SystemExit) as ended:
        main([command, *positional, "--executor", "processes", "--scheduler", "tcp://127.0.0.1:1"])
    assert ended.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_a_part(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(parts, "PATIENCE", 0.0)
    np.save("a.npy", np.zeros((20, 20, 20), np.uint8))
    assert main(["convert", "a.npy", "v", "--part", "1/2", "--part", "2/2"]) == 0  # the last one counts
    assert "part 2 of 2" in capsys.readouterr().out
    assert main(["convert", "a.npy", "v", "--part", "1/2"]) == 0
    assert main(["convert", "a.npy", "w", "--part", "0/2"]) == 2
    assert "part is a number and how many there are" in capsys.readouterr().err


def test_no_dask(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["check", "v", "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert "pip install 'ngprecomp[dask]'" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")  # of what distributed leaves behind
def test_no_scheduler(monkeypatch, capsys):
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")
    with dask.config.set({"distributed.comm.timeouts.connect": "0.3s"}):
        assert main(["check", "v", "--scheduler", "tcp://127.0.0.1:1"]) == 1
    assert "no dask scheduler answers at tcp://127.0.0.1:1" in capsys.readouterr().err
