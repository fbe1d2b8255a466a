"""A process that reads damaged volumes under limits of memory, told by whom through its standard input.

It reads one JSON object a line and answers with one. The limit of the address space is set once it has read a good
volume of every kind, so that libraries and compiled kernels are counted out.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import ngprecomp as ng
from ngprecomp.errors import NgprecompError

ALLOWANCE = 64 << 20


def status(name: str) -> int:
    """Return a number of bytes that the kernel knows of this process: VmSize, VmRSS, VmHWM."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


def read(folder: str, box: list[list[int]] | None, missing: str = "zero") -> dict[str, Any]:
    """Read a volume or a box of it and say what came of it."""
    try:
        vol = ng.open(folder, threads=1)
        lo, hi = (vol.box.lo, vol.box.hi) if box is None else zip(*box, strict=True)
        voxels, absent = vol.read(tuple(zip(lo, hi, strict=True)), missing=missing)
        good = np.load(Path(folder).parents[2] / "good" / Path(folder).parent.name / "voxels.npy")
        good = good[tuple(slice(0, size) for size in voxels.shape)]
        same = voxels.shape == good.shape and np.array_equal(voxels, good)
        zeros = voxels.shape == good.shape and not voxels[voxels != good].any()
        return {"absent": absent, "same": bool(same), "zeros": bool(zeros)}
    except Exception as error:
        ours = isinstance(error, (NgprecompError, OSError))
        return {"error": type(error).__name__, "ours": ours, "message": str(error)}


def measured(job: dict[str, Any]) -> dict[str, Any]:
    """Read as a job says, and add the seconds and the bytes of memory that it took."""
    Path("/proc/self/clear_refs").write_text("5")  # from here on VmHWM is the highest of this read
    before, start = status("VmRSS"), time.monotonic()
    answer = read(job["folder"], job["box"])
    answer["seconds"] = time.monotonic() - start
    answer["nbytes"] = status("VmHWM") - before
    if answer.get("absent"):
        answer["strict"] = read(job["folder"], job["box"], "error")
    return answer


def main() -> None:
    """Read good volumes first, limit the memory, then answer."""
    for folder in sys.argv[1:]:
        assert read(folder, None).get("same"), folder
    size = status("VmSize") + ALLOWANCE
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(measured(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
