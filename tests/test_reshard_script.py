"""The script reshards."""

from __future__ import annotations

import numpy as np
import pytest

import ngprecomp as ng
from tests.test_scripts import run


def test_reshard(tmp_path, capsys):
    volume = ng.create(tmp_path / "a", shape=(64, 64, 64), dtype="uint16", chunk_size=(16, 16, 16))
    volume[...] = 7
    run("reshard.py", tmp_path / "a", tmp_path / "shards", "--shard-size", "32")
    assert "64 chunks" in capsys.readouterr().out
    assert len(list((tmp_path / "shards/1_1_1").iterdir())) == 8
    run("reshard.py", tmp_path / "shards", tmp_path / "one")
    assert len(list((tmp_path / "one/1_1_1").iterdir())) == 1
    run("reshard.py", tmp_path / "one", tmp_path / "files", "--unsharded")
    assert len(list((tmp_path / "files/1_1_1").iterdir())) == 64
    np.testing.assert_array_equal(np.asarray(ng.open(tmp_path / "files")), 7)
    with pytest.raises(SystemExit, match=r"^reshard.py: no volume at .*missing"):
        run("reshard.py", tmp_path / "missing", tmp_path / "out")
