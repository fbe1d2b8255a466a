"""Random damage to good volumes of every kind: ``python -m tests.fuzz.mutations 100000 [SEED]`` prints what came of it.

Every read after a damage must be exact, an error of ours, an absent chunk (counted, zeros, nothing else changed), or a
difference that nothing in the format could show. The last is allowed where the damaged bytes have no checksum, or
where a whole file stands in for another; everything else is a fault.
"""

from __future__ import annotations

import argparse
import faulthandler
import math
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

import ngprecomp as ng
from ngprecomp.errors import NgprecompError
from ngprecomp.format.names import parse_chunk_name
from ngprecomp.storage.memory import MemoryStore
from tests.faults.volumes import KINDS, Good, make

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_READ = 1 << 20  # voxels: a damaged info can promise more than any memory holds
LARGEST_CHUNK = 1 << 24


@dataclass
class Damage:
    """What was done, to be done again by whoever looks for the cause."""

    what: str
    objects: dict[str, bytes]
    unseen: bool = False
    """Whether nothing could show it: another whole chunk in place of this one."""
    keys: tuple[str, ...] = field(default=())


def damaged(good: Good, rng: random.Random) -> Damage:
    """Return a damage of one of the objects: flipped bits, changed bytes, cut, lengthened, swapped or removed."""
    key = "info" if rng.random() < 0.08 else rng.choice(good.chunks)
    data = good.objects[key]
    how = rng.choice(["bit", "bit", "bytes", "number", "cut", "longer", "zeros", "moved", "swap", "other", "remove"])
    if how == "swap" and key != "info":
        other = rng.choice(good.chunks)
        swapped = {**good.objects, key: good.objects[other], other: data}
        return Damage(f"{key} and {other} swapped", swapped, unseen=True, keys=(key, other))
    if how == "remove" and key != "info":
        return Damage(f"{key} removed", {name: held for name, held in good.objects.items() if name != key}, keys=(key,))
    changed, what = _changed(data, how, rng)
    # A gzip file under a plain name that is as long as the raw chunk is taken for one.
    cell = parse_chunk_name(key.rpartition("/")[2])
    raw = cell is not None and len(changed) == math.prod(cell.size) * good.voxels.itemsize
    return Damage(f"{key}: {what}", {**good.objects, key: changed}, unseen=raw, keys=(key,))


def _changed(data: bytes, how: str, rng: random.Random) -> tuple[bytes, str]:
    new, at = bytearray(data), rng.randrange(len(data))
    if how == "bit":
        bit = rng.randrange(8)
        new[at] ^= 1 << bit
        return bytes(new), f"bit {bit} of byte {at}"
    if how == "number":  # a number that is special to somebody, at an aligned place
        width = rng.choice([1, 2, 4, 8])
        value = rng.choice(
            [0, 1, 2 ** (8 * width) - 1, 2 ** (8 * width - 1), len(data), rng.randrange(2 ** (8 * width))]
        )
        at -= at % width
        new[at : at + width] = (value % 2 ** (8 * width)).to_bytes(width, "little")
        return bytes(new[: len(data)]), f"{value} in {width} bytes from {at}"
    if how == "cut":
        return data[:at], f"cut to {at} bytes"
    if how == "longer":
        more = rng.randbytes(rng.choice([1, 4, 24, 100]))
        return data + more, f"{more.hex()} appended"
    if how == "zeros":
        length = rng.choice([4, 16, 64])
        new[at : at + length] = bytes(len(new[at : at + length]))
        return bytes(new), f"zeros from {at} to {at + length}"
    if how == "moved":
        length, to = rng.choice([4, 16, 64]), rng.randrange(len(data))
        new[to:to] = new[at : at + length]
        return bytes(new), f"{length} bytes from {at} inserted at {to}"
    for _ in range(rng.choice([2, 3, 8])):
        new[rng.randrange(len(new))] = rng.randrange(256)
    return bytes(new), "some bytes changed"


def outcome(good: Good, damage: Damage, url: str) -> str:
    """Read the damaged volume and say what came of it; ``"WRONG: ..."`` is a fault."""
    try:
        vol = ng.open(url)
        if math.prod(min(pair) for pair in zip(vol.scale.chunk_size, vol.scale.size, strict=True)) > LARGEST_CHUNK:
            return "not read"
        box = tuple(slice(lo, hi) for lo, hi in zip(vol.box.lo, vol.box.hi, strict=True))
        if math.prod(vol.shape) > LARGEST_READ:
            box = tuple(slice(lo, min(hi, lo + 20)) for lo, hi in zip(vol.box.lo, vol.box.hi, strict=True))
        voxels, absent = vol.read(box)
    except NgprecompError as error:
        return "error" if str(error) else "WRONG: an error without words"
    except OSError as error:
        return "error" if error.filename else f"WRONG: {error!r}"
    except Exception as error:
        return f"WRONG: {error!r}"
    if voxels.shape == good.voxels.shape and voxels.dtype == good.voxels.dtype:
        if np.array_equal(voxels, good.voxels, equal_nan=voxels.dtype.kind == "f"):
            return "exact"
        if absent and not voxels[voxels != good.voxels].any():
            return "absent"
    if damage.unseen or "info" in damage.keys or not good.kind.guarded:
        return "unseen"
    return "WRONG: another value in spite of checksums"


def run(count: int, seed: int, report: Callable[[str], None] = print) -> Counter[str]:
    """Damage and read `count` times, print each fault, and return how often each outcome was."""
    rng = random.Random(seed)
    goods = [make(name) for name in KINDS]
    counts: Counter[str] = Counter()
    for number in range(count):
        good = rng.choice(goods)
        damage = damaged(good, rng)
        store = MemoryStore(f"volumes/{good.name}")
        for key in damage.keys:
            if key in damage.objects:
                store.put(key, damage.objects[key])
            else:
                store.delete([key])
        result = outcome(good, damage, store.url)
        for key in damage.keys:
            store.put(key, good.objects[key])
        if result.startswith("WRONG"):
            report(f"{good.name}, number {number} of seed {seed}, {damage.what}: {result}")
        counts[result.partition(":")[0]] += 1
    return counts


def main() -> int:
    """Run as a script; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int)
    parser.add_argument("seed", type=int, nargs="?", default=random.randrange(2**32))
    options = parser.parse_args()
    faulthandler.enable()
    print(f"seed {options.seed}", flush=True)
    counts = run(options.count, options.seed, lambda line: print(line, flush=True))
    print(", ".join(f"{number} {name}" for name, number in counts.most_common()))
    return int(counts["WRONG"] > 0)


if __name__ == "__main__":
    sys.exit(main())
