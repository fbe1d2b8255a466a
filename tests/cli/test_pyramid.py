from __future__ import annotations

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.cli.main import main


@pytest.mark.parametrize(
    ("argv", "keywords"),
    [
        ([], {}),
        (["--levels", "2"], {"levels": 2}),
        (["--factor", "2,2,1"], {"factor": (2, 2, 1)}),
        (["--method", "avg"], {"method": "mean"}),
        (["--exact"], {"exact": True}),
        (["--box", "0:8,:,-5:20"], {"box": (slice(0, 8), slice(None), slice(-5, 20))}),
        (["--missing", "error"], {"missing": "error"}),
        (["--skip-empty"], {"skip_empty": True}),
        (["--memory", "1GB"], {"memory": "1GB"}),
        (["-j", "2"], {"workers": 2}),
        (["--overwrite"], {"overwrite": True}),
    ],
)
def test_options_reach_the_call(argv, keywords, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(ng, "build_pyramid", lambda **given: calls.append(given) or "the report")
    assert main(["pyramid", "a/volume", *argv]) == 0
    assert calls == [{"volume": "a/volume", "progress": None, **keywords}]
    assert capsys.readouterr().out == "the report\n"


def test_builds(tmp_path, capsys):
    path = str(tmp_path / "volume")
    volume = ng.create(path, shape=(40, 40, 20), dtype="uint8", resolution=(8, 8, 40), chunk_size=(16, 16, 16))
    volume[...] = 8
    assert main(["pyramid", path, "--levels", "1"]) == 0
    assert "scale 16_16_40: 20 x 20 x 20" in capsys.readouterr().out
    np.testing.assert_array_equal(np.asarray(ng.open(path, 1)), 8)
    assert main(["pyramid", path]) == 2
    assert "has all its 1 coarser scales; overwrite makes them anew" in capsys.readouterr().err
    assert main(["pyramid", path, "--overwrite", "-q"]) == 0
    assert capsys.readouterr() == ("", "")


def test_no_volume(tmp_path, capsys):
    assert main(["pyramid", str(tmp_path / "nothing")]) == 1
    assert "no volume at" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
