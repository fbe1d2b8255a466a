"""The quickstart leaves two finished volumes and a picture, also when it is run again."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import h5py
import imagecodecs
import numpy as np

import ngprecomp as ng

QUICKSTART = Path(__file__).parents[1] / "examples/quickstart.py"


def test_quickstart_twice(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["quickstart.py", str(tmp_path / "output")])
    for _ in range(2):
        runpy.run_path(str(QUICKSTART), run_name="__main__")
        printed = capsys.readouterr().out
        assert f"picture  {tmp_path}/output/picture.png" in printed
        assert printed.count("scale 16_16_160: 128 x 128 x 16") == 2
    with h5py.File(tmp_path / "output/tissue.h5") as file:
        for name, dataset in (("image", "volumes/raw"), ("labels", "volumes/labels/neuron_ids")):
            volume = ng.open(tmp_path / "output" / name)
            assert volume.voxel_offset == (1000, 2000, 300)
            assert volume.resolution == (8, 8, 40)
            assert len(volume.scales) == 4
            np.testing.assert_array_equal(np.asarray(volume)[..., 0].T, file[dataset][...])
    picture = imagecodecs.png_decode((tmp_path / "output/picture.png").read_bytes())
    assert picture.shape == (1048, 1048, 3)
    left, right = np.split(picture, 2, axis=1)
    assert (np.ptp(left, axis=2) == 0).all()
    assert (np.ptp(right, axis=2) > 50).mean() > 0.5
