from __future__ import annotations

import numba
import pytest

from ngprecomp.cli.main import main
from ngprecomp.kernels import warm


def test_warm(monkeypatch, capsys):
    compiled = []
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 0)
    monkeypatch.setattr(warm, "_subjects", lambda: iter([("one", lambda: compiled.append(1))]))
    monkeypatch.setattr(warm, "cache_folder", lambda: "/cache")
    assert main(["warm"]) == 0
    assert compiled == [1]
    assert capsys.readouterr() == ("the compiled kernels are in /cache\n", "")


def test_nothing_to_compile(monkeypatch, capsys):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    assert main(["warm"]) == 2
    assert "NUMBA_DISABLE_JIT" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["warm"])
def test_takes_no_arguments(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "more"])
    assert "unexpected more" in capsys.readouterr().err
