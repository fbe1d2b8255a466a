"""Chunk keys and axis reversal: ngprecomp beside NumPy and CloudVolume, as ratios of medians in one process.

python -m benchmarks.kernel_keys
"""

from __future__ import annotations

import numpy as np
from cloudvolume.datasource.precomputed import common, mmh3

from benchmarks.medians import medians
from ngprecomp.kernels.morton import compressed_morton_code, grid_positions
from ngprecomp.kernels.murmur3 import murmurhash3_x86_128
from ngprecomp.kernels.reversal import fortran_ordered

KEYS = 10**6
ROUNDS = 15


def keys(grid: tuple[int, int, int]) -> None:
    positions = np.random.default_rng(0).integers(0, grid, (KEYS, 3))
    codes = compressed_morton_code(positions, grid)
    copy = np.empty_like(positions)
    few = codes[: KEYS // 1000]
    found = medians(
        {
            "np.copyto of the positions": lambda: np.copyto(copy, positions),
            "compressed_morton_code": lambda: compressed_morton_code(positions, grid),
            "grid_positions": lambda: grid_positions(codes, grid),
            "murmurhash3_x86_128": lambda: murmurhash3_x86_128(codes),
            "CloudVolume compressed_morton_code": lambda: common.compressed_morton_code(positions, grid),
            "CloudVolume murmurhash3, 1/1000 of the keys": lambda: [
                mmh3.hash64(key.tobytes(), x64arch=False) for key in few
            ],
        },
        rounds=ROUNDS,
    )
    print(f"\n{KEYS} keys of a grid of {'x'.join(map(str, grid))}: ns a key, and times np.copyto")
    for name, seconds in found.items():
        count = len(few) if "1/1000" in name else KEYS
        copied = found["np.copyto of the positions"] / KEYS
        print(f"{name:45} {seconds / count * 1e9:9.2f} {seconds / count / copied:9.2f}")


def reversal(shape: tuple[int, ...]) -> None:
    print(f"\nC to Fortran order, {'x'.join(map(str, shape))}: MB/s")
    print(f"{'dtype':8}{'np.copyto, no reversal':>24}{'np.asfortranarray':>20}{'fortran_ordered':>20}{'ratio':>8}")
    for dtype in ("uint8", "uint16", "uint32", "uint64"):
        voxels = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
        copy = np.empty_like(voxels)
        copied, theirs, ours = medians(
            {
                "copy": lambda copy=copy, voxels=voxels: np.copyto(copy, voxels),
                "numpy": lambda voxels=voxels: np.asfortranarray(voxels),
                "ngprecomp": lambda voxels=voxels: fortran_ordered(voxels),
            },
            rounds=ROUNDS,
        ).values()
        speed = [voxels.nbytes / seconds / 1e6 for seconds in (copied, theirs, ours)]
        print(f"{dtype:8}{speed[0]:24.0f}{speed[1]:20.0f}{speed[2]:20.0f}{theirs / ours:8.1f}")


if __name__ == "__main__":
    keys((8, 8, 8))
    keys((538, 618, 805))
    for shape in ((256, 256, 256), (250, 250, 250), (200, 200, 100, 3)):
        reversal(shape)
