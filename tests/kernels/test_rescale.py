import numpy as np
import pytest

from ngprecomp.kernels.rescale import look_up


@pytest.mark.parametrize("entry", ["uint8", "int8", "uint16", "int16", "uint32", "float32"])
@pytest.mark.parametrize("voxel", ["uint8", "int8", "uint16", "int16", "float16"])
def test_every_voxel_is_looked_up_by_its_bits(voxel, entry):
    itemsize = np.dtype(voxel).itemsize
    rng = np.random.default_rng(1)
    table = rng.integers(0, 127, 1 << 8 * itemsize).astype(entry)
    words = np.arange(1 << 8 * itemsize).astype(f"u{itemsize}")
    rng.shuffle(words)
    out = np.empty(words.size, entry)
    look_up(table, words.view(voxel), out)
    np.testing.assert_array_equal(out, table[words.astype(np.int64)])
    assert words.flags.writeable


def test_no_voxels():
    look_up(np.zeros(256, "uint8"), np.empty(0, "uint8"), np.empty(0, "uint8"))
