"""What is asked often answers at once: heavy libraries are imported where they are needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ngprecomp as ng

HEAVY = ("numba", "llvmlite", "h5py", "tifffile", "imagecodecs", "scipy")


def imported(code):
    """Return what a new interpreter has imported after some code."""
    report = "; import sys; sys.stderr.write(' '.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return set(run.stderr.split())


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["convert", "--help"]])
def test_help_needs_no_numpy(argv):
    code = (
        f"import contextlib\nwith contextlib.suppress(SystemExit): from ngprecomp.cli.main import main; main({argv})\n"
    )
    assert imported(code + "0").isdisjoint({*HEAVY, "numpy"})


def test_package_needs_nothing():
    assert imported("import ngprecomp; ngprecomp.__version__; dir(ngprecomp)").isdisjoint({*HEAVY, "numpy"})


def test_info_needs_no_numpy(tmp_path):
    ng.create(tmp_path / "volume", shape=(64, 64, 64), dtype="uint64", chunk_size=(32, 32, 32), shard_size=(64, 64, 64))
    code = f"from ngprecomp.cli.main import main; assert main(['info', {str(tmp_path / 'volume')!r}]) == 0"
    assert imported(code).isdisjoint({*HEAVY, "numpy", "logging", "ngprecomp.format.spec"})


def test_public_names():
    for name in ng._PUBLIC:
        assert getattr(ng, name) is not None
        assert name in dir(ng)
    with pytest.raises(AttributeError, match="no attribute 'mesh'"):
        _ = ng.mesh
