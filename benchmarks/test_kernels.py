"""The kernels alone, with pytest-benchmark: python -m pytest benchmarks/test_kernels.py."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import EDGE, sample_cache, sample_folder
from benchmarks.benchmark import Setting
from benchmarks.processors import KERNELS, kernel
from benchmarks.samples import Samples


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    return Setting(Samples(sample_folder(), sample_cache(), EDGE), tmp_path_factory.mktemp("kernels"), rounds=7)


@pytest.mark.parametrize("name", KERNELS)
def test_kernel(name, setting, benchmark):
    nbytes, job = kernel(setting, name)
    benchmark.extra_info["nbytes"] = nbytes
    benchmark(job)
