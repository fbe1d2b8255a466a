"""Random volumes and writes, and what NumPy makes of the same writes."""

import numpy as np
from hypothesis import strategies as st

from ngprecomp.format.sharding import sharding_to_json
from tests.strategies import data_types, seeds, shapes, shardings

_NEAR = st.integers(-20, 20)
_FAR = st.one_of(_NEAR, st.just(-(2**40)), st.just(2**33 + 5))
_LABEL_TYPES = ("uint32", "uint64")


@st.composite
def creations(draw, max_side=12, min_side=0, max_channels=3, far=True):
    """Draw what `ng.create` needs for a small lossless volume of any kind, `far` also beyond 32 bits."""
    data_type, channels = draw(data_types), draw(st.integers(1, max_channels))
    encodings = ["raw"]
    if data_type in _LABEL_TYPES:
        encodings.append("compressed_segmentation")
    if data_type in ("uint8", "uint16"):
        encodings.append("png")
    encoding = draw(st.sampled_from(encodings))
    sharding = draw(st.none() | shardings(3).map(sharding_to_json))
    block = draw(shapes(5)) if encoding == "compressed_segmentation" else None
    return {
        "shape": draw(shapes(max_side, min_side)),
        "dtype": data_type,
        "num_channels": channels,
        "voxel_offset": draw(st.tuples(*[_FAR if far else _NEAR] * 3)),
        "encoding": encoding,
        "compressed_segmentation_block_size": block,
        "chunk_size": draw(st.tuples(*[st.integers(2, 7)] * 3)),
        "sharding": sharding,
        "key": "s",
    }


def _bounds(vol):
    return [*zip(vol.box.lo, vol.box.hi, strict=True), (0, vol.shape[3])]


@st.composite
def _terms(draw, lo, hi):
    """Draw one term of an index."""
    kind = draw(st.sampled_from(("whole", "range", "range", "step", "back", "integer")))
    if kind == "integer" and lo < hi:
        at = draw(st.integers(lo, hi - 1))
        return draw(st.sampled_from((at, np.int64(at))))
    if kind == "whole":
        return slice(None)
    first, last = sorted(draw(st.tuples(*[st.integers(lo, hi)] * 2)))
    if kind == "back":
        step = -draw(st.integers(1, 3))
        return slice(draw(st.sampled_from((last - 1, None))) if last == hi else last - 1, first - 1, step)
    step = draw(st.integers(2, 4)) if kind == "step" else None
    start = None if first == lo and draw(st.booleans()) else first
    return slice(start, None if last == hi and draw(st.booleans()) else last, step)


@st.composite
def indices(draw, vol):
    """Draw an index of a volume: up to four terms, runs of whole axes also as Ellipsis or left out."""
    terms = [draw(_terms(lo, hi)) for lo, hi in _bounds(vol)]
    whole = slice(None)
    if draw(st.booleans()) and whole in terms:
        first = terms.index(whole)
        last = first + next((n for n, term in enumerate(terms[first:]) if term != whole), 4 - first)
        terms[first:last] = [Ellipsis]
    while len(terms) > 1 and terms[-1] == whole and Ellipsis not in terms and draw(st.booleans()):
        terms.pop()
    return terms[0] if len(terms) == 1 and draw(st.booleans()) else tuple(terms)


def select(vol, index):
    """Return the selected positions of a shadow array as np.ix_ wants them, and the shape without dropped axes."""
    terms = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in terms:
        at = terms.index(Ellipsis)
        terms[at : at + 1] = [slice(None)] * (5 - len(terms))
    terms += [slice(None)] * (4 - len(terms))
    coordinates, kept = [], []
    for term, (lo, hi) in zip(terms, _bounds(vol), strict=True):
        if isinstance(term, slice):
            step = term.step or 1
            start = (lo if step > 0 else hi - 1) if term.start is None else term.start
            stop = (hi if step > 0 else lo - 1) if term.stop is None else term.stop
            selected = range(start, stop, step)
            kept.append(len(selected))
        else:
            selected = [int(term)]
        coordinates.append(np.array([at - lo for at in selected], np.intp))
    return np.ix_(*coordinates), tuple(kept)


@st.composite
def values(draw, kept, dtype):
    """Draw what is assigned: a scalar, zeros, or an array that broadcasts to the selection; labels up to 2**64 - 1."""
    kind = draw(st.sampled_from(("array", "array", "broadcast", "trailing", "scalar", "zeros")))
    if kind == "zeros":
        return 0
    random = np.random.default_rng(draw(seeds))
    shape = kept
    if kind == "broadcast":
        shape = tuple(size if draw(st.booleans()) else 1 for size in kept)
    elif kind == "trailing":
        shape = kept[len(kept) - 2 :] if len(kept) > 2 else kept
    elif kind == "scalar":
        shape = ()
    if dtype.kind == "f":
        return random.normal(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    few = random.integers(limits.min, limits.max, 3, dtype, endpoint=True)
    few[0] = limits.max
    return few[random.integers(0, 3, shape)]


def write_randomly(data, vol, shadow, times=4):
    """Write the same random values into a volume and into its shadow."""
    for _ in range(data.draw(st.integers(1, times))):
        index = data.draw(indices(vol))
        at, kept = select(vol, index)
        value = data.draw(values(kept, vol.dtype))
        vol[index] = value
        shadow[at] = np.broadcast_to(value, kept).reshape(shadow[at].shape)
