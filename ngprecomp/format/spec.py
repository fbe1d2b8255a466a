"""What a user opens: a path, a URL or TensorStore's JSON spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ngprecomp.errors import OptionError
from ngprecomp.format.bound import MAX_RANK
from ngprecomp.format.codec_spec import DRIVER, DRIVERS
from ngprecomp.format.info import parse_selector
from ngprecomp.format.kvstore import below, directory, parse_kvstore, parse_url
from ngprecomp.format.members import found
from ngprecomp.format.open_mode import MODES, OpenMode, open_mode
from ngprecomp.format.scale_constraints import (
    MultiscaleConstraints,
    ScaleConstraints,
    parse_multiscale_constraints,
    parse_scale_constraints,
)
from ngprecomp.format.schema import Schema, data_type_named, parse_schema
from ngprecomp.format.transform import parse_transform
from ngprecomp.format.wishes import Wishes, as_options

if TYPE_CHECKING:
    from ngprecomp.format.domain import IndexDomain
    from ngprecomp.format.members import Resolution

RANK = 4
"""x, y, z and channel."""

# TensorStore's resources, which mean nothing here: our caches belong to a Volume and have one keyword.
_CACHES = {
    "cache_pool": ("total_bytes_limit",),
    "metadata_cache_pool": ("total_bytes_limit",),
    "data_copy_concurrency": ("limit",),
}
_CHECKS = ("recheck_cached_metadata", "recheck_cached_data")


@runtime_checkable
class PathLike(Protocol):
    """A path object, such as `pathlib.Path`."""

    def __fspath__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Spec:
    """Where a volume is, which of its scales is meant, and what is said of it: all that is given must hold.

    `url` ends with a slash; it is a URL, percent-encoded, or for the local disk also a plain path as it is.
    `transform` is the domain that the scale must have. The last two are TensorStore's: whether chunks of zeros
    are stored, and whether absent chunks read as zeros; None where nothing is said.
    """

    url: str
    scale_index: int | None = None
    multiscale: MultiscaleConstraints = field(default_factory=MultiscaleConstraints)
    scale: ScaleConstraints = field(default_factory=ScaleConstraints)
    schema: Schema = field(default_factory=lambda: Schema(rank=RANK))
    mode: OpenMode = field(default_factory=lambda: OpenMode(open=True))
    transform: IndexDomain | None = None
    store_data_equal_to_fill_value: bool | None = None
    fill_missing_data_reads: bool | None = None

    @property
    def key(self) -> str | None:
        """The key of the scale that is meant."""
        return self.scale.key

    @property
    def resolution(self) -> Resolution | None:
        """The resolution in nm of the scale that is meant."""
        return self.scale.resolution

    def asking(self, *, scale: int | str | Sequence[float] | None, mode: OpenMode | None, schema: Schema) -> Spec:
        """Return a spec that says more: what the keywords of `open` say.

        `scale` is an index, a key or a resolution in nm; a `mode` replaces that of the spec.

        Raises
        ------
        OptionError
            The keywords contradict the spec.
        """
        both = replace(self, schema=self.schema.merged(schema), mode=mode or self.mode)
        if scale is None:
            return both
        chosen = parse_selector(scale)
        if isinstance(chosen, int):
            return replace(both, scale_index=_agreed("scale_index", self.scale_index, chosen))
        name = "key" if isinstance(chosen, str) else "resolution"
        agreed = {name: _agreed(name, getattr(self.scale, name), chosen)}
        return replace(both, scale=replace(self.scale, **agreed))


def parse_spec(spec: str | PathLike | Mapping[str, Any]) -> Spec:
    """Return the value of a path, a URL or a JSON spec.

    A URL may start with ``precomputed://`` and end with ``|neuroglancer-precomputed:``.

    Raises
    ------
    OptionError
        The spec is not understood; unknown members are named.

    Examples
    --------
    >>> parse_spec("precomputed://gs://bucket/volume").url
    'gs://bucket/volume/'
    >>> spec = parse_spec({"driver": "neuroglancer_precomputed", "kvstore": "memory://em/", "scale_index": 1})
    >>> spec.url, spec.scale_index
    ('memory://em/', 1)
    """
    if isinstance(spec, Mapping):
        return as_options(_parse_object, spec)
    if isinstance(spec, str):
        return Spec(parse_url(spec))
    if isinstance(spec, PathLike):
        return Spec(directory(spec.__fspath__()))
    raise OptionError(f"a volume is given by a path, a URL or a JSON spec, not by {spec!r}")


def _parse_object(document: object, where: str) -> Spec:
    wishes = Wishes(document, where, "spec")
    driver = wishes.text("driver")
    if driver not in DRIVERS and wishes.sound("driver"):
        wishes.note("driver", f'expected {DRIVER}, found "{driver}"')
    if "kvstore" not in wishes:
        wishes.note("kvstore", "expected a URL or an object, but it is missing")
    spec = Spec(
        url=below(wishes.part("kvstore", parse_kvstore) or "", wishes.text("path", default="")),
        scale_index=wishes.given("scale_index", wishes.integer, 0, 2**64 - 1),
        multiscale=wishes.part("multiscale_metadata", parse_multiscale_constraints) or MultiscaleConstraints(),
        scale=wishes.part("scale_metadata", parse_scale_constraints) or ScaleConstraints(),
        mode=_mode(wishes),
        transform=wishes.part("transform", parse_transform),
        store_data_equal_to_fill_value=wishes.flag("store_data_equal_to_fill_value"),
        fill_missing_data_reads=wishes.flag("fill_missing_data_reads"),
    )
    schema = _schema(wishes, spec.multiscale.data_type)
    wishes.part("context", _context)
    for name, members in _CACHES.items():
        wishes.part(name, partial(_cache, members))
    for name in _CHECKS:
        wishes.one(name, _check)
    wishes.close()
    return replace(spec, schema=schema)


def _mode(wishes: Wishes) -> OpenMode:
    flags = {name: wishes.flag(name) for name in MODES}
    try:
        return open_mode(**flags) or OpenMode(open=True)
    except OptionError as error:
        wishes.note("open", str(error))
        return OpenMode()


def _schema(wishes: Wishes, data_type: str | None) -> Schema:
    """Return the schema with all that other members of the spec say of it."""
    schema = wishes.part("schema", parse_schema) or Schema()
    dtype = wishes.one("dtype", data_type_named)
    rank = wishes.given("rank", wishes.integer, 0, MAX_RANK)
    for name, more in (("dtype", {"dtype": dtype}), ("rank", {"rank": rank}), ("rank", {"rank": RANK})):
        try:
            schema = schema.merged(Schema(**more))
        except OptionError as error:
            wishes.note(name, str(error))
    if data_type is not None and schema.dtype not in (None, data_type):
        wishes.note("multiscale_metadata", f'"data_type" of "{data_type}" differs from "dtype" of "{schema.dtype}"')
    return schema


def _context(document: object, where: str) -> None:
    Wishes(document, where, "spec")


def _cache(members: Sequence[str], document: object, where: str) -> None:
    """Check a resource of TensorStore: an object, or the name of one in its context."""
    if not isinstance(document, str):
        wishes = Wishes(document, where, "spec")
        for name in members:
            wishes.value(name)
        wishes.close()


def _check(value: object) -> None:
    if not isinstance(value, (bool, int, float)) and value != "open":
        raise OptionError(f'expected true, false, a number or "open", found {found(value)}')


def _agreed(name: str, one: Any, other: Any) -> Any:
    if one not in (None, other):
        raise OptionError(f"{name} is {one!r} in the spec, but {other!r} is asked for")
    return other
