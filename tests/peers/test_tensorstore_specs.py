"""TensorStore and we open and create the same, whatever is asked for; its newer rule for chunk shapes is chosen."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import tensorstore as ts
from hypothesis import assume, given
from hypothesis import strategies as st

from ngprecomp.format.creation import opened_or_created
from ngprecomp.format.description import chunk_size_of, schema_of, spec_of
from ngprecomp.format.info import info_to_bytes, parse_info
from ngprecomp.format.open_mode import open_mode
from ngprecomp.format.schema import Schema
from ngprecomp.format.spec import parse_spec

DRIVER = "neuroglancer_precomputed"
WHERE = {"driver": DRIVER, "kvstore": {"driver": "memory", "path": "v/"}}


def optional(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=members)


def three(*values: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=3, max_size=3)


def four(channel: tuple[Any, ...], *values: Any) -> st.SearchStrategy[list[Any]]:
    return st.tuples(three(*values), st.sampled_from(channel)).map(lambda parts: [*parts[0], parts[1]])


SIZES = three(0, 1, 3, 63, 64, 65, 300, 1000, 5000)
SHAPES = four((0, None, 1, 2), 0, None, -1, 8, 32, 64, 100, 128, 512)
RATIOS = four((0, None, 1), 0, None, 1, 2, 0.5, 3.3)
COUNTS = st.sampled_from((0, 1, 1000, 30000, 262144, 10**6, 10**8, 10**10))
GRIDS = optional(
    shape=SHAPES,
    shape_soft_constraint=SHAPES,
    aspect_ratio=RATIOS,
    elements=COUNTS,
    elements_soft_constraint=COUNTS,
)
LAYOUTS = optional(
    chunk=GRIDS,
    read_chunk=GRIDS,
    write_chunk=GRIDS,
    codec_chunk=GRIDS,
    grid_origin=four((0, None), 0, None, 5),
    inner_order=st.sampled_from(([3, 2, 1, 0], [0, 1, 2, 3])),
)
LABELS = st.sampled_from((["x", "y", "z", "channel"], ["", "", "", ""], ["a", "y", "z", "channel"]))
DOMAINS = st.fixed_dictionaries(
    {"shape": four((1, 1, 2, 3), 0, 1, 3, 64, 65, 300, 1000, 5000)},
    optional={"inclusive_min": four((0, 0, 1), 0, 5, -7), "labels": LABELS},
)
ENCODINGS = st.sampled_from(("raw", "png", "jpeg", "compressed_segmentation"))
OPTIONS = {"encoding": ENCODINGS, "jpeg_quality": st.integers(0, 101), "png_level": st.integers(0, 10)}
CODECS = optional(**OPTIONS, shard_data_encoding=st.sampled_from(("raw", "gzip"))).map(
    lambda members: {"driver": DRIVER, **members}
)
SHARDINGS = st.fixed_dictionaries(
    {
        "@type": st.just("neuroglancer_uint64_sharded_v1"),
        "preshift_bits": st.sampled_from((0, 3, 9)),
        "hash": st.sampled_from(("identity", "murmurhash3_x86_128")),
        "minishard_bits": st.sampled_from((0, 2, 6)),
        "shard_bits": st.sampled_from((0, 5, 30)),
    }
)
SCALES = optional(
    size=SIZES,
    voxel_offset=three(0, 5, -7),
    resolution=three(1, 4, 8, 0.1, 1e-7),
    chunk_size=three(1, 8, 64, 100),
    sharding=st.none() | SHARDINGS,
    key=st.sampled_from(("k", "8_8_8", "a/b")),
    compressed_segmentation_block_size=three(4, 8),
    **OPTIONS,
)
DATA_TYPES = st.sampled_from(("uint8", "uint16", "uint32", "uint64", "int8", "float32"))
MULTISCALES = optional(num_channels=st.integers(1, 4), data_type=DATA_TYPES, type=st.sampled_from(("image", "x", "")))
UNITS = st.tuples(
    *[st.sampled_from(("4nm", "8 nm", [0.1, "nm"], None, "4um", 4))] * 3, st.sampled_from((None, None, "nm"))
).map(list)
SCHEMAS = optional(dtype=DATA_TYPES, domain=DOMAINS, chunk_layout=LAYOUTS, codec=CODECS, dimension_units=UNITS)
SPECS = optional(scale_index=st.integers(0, 2), multiscale_metadata=MULTISCALES, scale_metadata=SCALES, schema=SCHEMAS)
MODES = st.sampled_from(
    ({"create": True}, {"open": True}, {"open": True, "create": True}, {"create": True, "delete_existing": True})
)


@dataclass(frozen=True)
class Answer:
    """What is there after a request: ``info`` and the descriptions of the scale; None where it was refused."""

    info: str
    schema: dict[str, Any]
    spec: dict[str, Any]
    minimal: dict[str, Any]
    layout: str


def theirs(spec: dict[str, Any], mode: dict[str, bool], info: str | None) -> Answer | None:
    context = ts.Context()
    store = ts.KvStore.open("memory://v/", context=context).result()
    if info is not None:
        store["info"] = info.encode()
    try:
        volume = ts.open({**WHERE, **spec}, context=context, **mode).result()
    except ValueError:
        return None
    specs = [volume.spec(minimal_spec=minimal).to_json() for minimal in (False, True)]
    return Answer(store["info"].decode(), volume.schema.to_json(), *specs, repr(volume.chunk_layout))


def ours(document: dict[str, Any], mode: dict[str, bool], existing: str | None) -> Answer | None:
    old = None if existing is None else parse_info(existing)
    try:
        spec = parse_spec({**WHERE, **document}).asking(scale=None, mode=open_mode(**mode), schema=Schema())
        info, index = opened_or_created(spec, old, rule="at_most")
    except ValueError:
        return None
    scale = info.scale(index, limited=False)
    schema = schema_of(info, scale, chunk_size_of(scale, spec))
    text = existing if existing is not None and info is old else info_to_bytes(info).decode()
    specs = [spec_of(spec, info, index, scale, minimal=minimal) for minimal in (False, True)]
    return Answer(text, schema.to_json(), *specs, repr(schema.chunk_layout))


def without_clipped_shards(answer: Answer | None, wish: dict[str, Any]) -> bool:
    """Whether a request does not ask for the shape of a shard that the volume cuts: there TensorStore errs."""
    asked = json.dumps(wish.get("schema", {}).get("chunk_layout", {}))
    if answer is None or '"shape"' not in asked or "sharding" not in answer.info:
        return True
    written, size = answer.schema["chunk_layout"]["write_chunk"]["shape"], answer.schema["domain"]["exclusive_max"]
    starts = answer.schema["domain"]["inclusive_min"]
    return all(side is None or side <= end - start for side, end, start in zip(written, size, starts, strict=True))


def complete(spec: dict[str, Any], domain: dict[str, Any], dtype: str) -> dict[str, Any]:
    """Say what a new volume needs, where a spec does not."""
    schema = {"dtype": spec.get("multiscale_metadata", {}).get("data_type", dtype), "domain": domain}
    if "size" in spec.get("scale_metadata", {}) and "num_channels" in spec.get("multiscale_metadata", {}):
        del schema["domain"]
    return {**spec, "schema": {**schema, **spec.get("schema", {})}}


@given(SPECS, DOMAINS, DATA_TYPES)
def test_creating_a_volume(spec: dict[str, Any], domain: dict[str, Any], dtype: str) -> None:
    request = complete(spec, domain, dtype)
    answer = ours(request, {"create": True}, None)
    assume(without_clipped_shards(answer, request))
    assert answer == theirs(request, {"create": True}, None)


@given(SCALES, LAYOUTS, CODECS, DOMAINS, DATA_TYPES)
def test_choosing_what_is_left_open(
    scale: dict[str, Any], layout: dict[str, Any], codec: dict[str, Any], domain: dict[str, Any], dtype: str
) -> None:
    plain = {"resolution": scale.get("resolution", [8, 8, 8])}
    schema = {"dtype": dtype, "domain": {"shape": domain["shape"]}, "chunk_layout": layout, "codec": codec}
    request = {"scale_metadata": plain, "schema": schema}
    answer = ours(request, {"create": True}, None)
    assume(without_clipped_shards(answer, request))
    assert answer == theirs(request, {"create": True}, None)


@given(SPECS, SPECS, MODES, DOMAINS, DATA_TYPES)
def test_what_exists_is_opened_or_gets_a_scale(
    first: dict[str, Any], spec: dict[str, Any], mode: dict[str, bool], domain: dict[str, Any], dtype: str
) -> None:
    made = ours(complete({**first, "scale_index": 0}, domain, dtype), {"create": True}, None)
    assume(made is not None)
    assert made is not None
    for request in (spec, complete(spec, domain, dtype), {**spec, **made.minimal}, {"schema": made.schema}):
        asked = {name: value for name, value in request.items() if name not in WHERE}
        answer = ours(asked, mode, made.info)
        if without_clipped_shards(answer, asked):
            assert answer == theirs(asked, mode, made.info), asked
