"""What a user opens: a path, a URL or TensorStore's JSON spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from urllib.parse import quote

from ngprecomp.errors import MetadataError, OptionError, Problem
from ngprecomp.format.members import Members, found

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ngprecomp.format.members import Resolution

SCHEMES = ("file", "memory", "http", "https", "s3", "gs", "az")
DRIVERS = ("neuroglancer_precomputed", "neuroglancer-precomputed")

_SCHEME = re.compile("([A-Za-z][A-Za-z0-9+.-]*)://")
_UNSUPPORTED = (
    "multiscale_metadata", "schema", "dtype", "rank", "transform", "context",
    "open", "create", "delete_existing", "assume_metadata", "assume_cached_metadata",
    "recheck_cached_metadata", "recheck_cached_data", "cache_pool", "metadata_cache_pool",
    "data_copy_concurrency", "store_data_equal_to_fill_value", "fill_missing_data_reads",
)  # fmt: skip
_UNSUPPORTED_OF_SCALE = (
    "size", "voxel_offset", "chunk_size", "encoding", "jpeg_quality", "png_level",
    "compressed_segmentation_block_size", "sharding",
)  # fmt: skip


@runtime_checkable
class PathLike(Protocol):
    """A path object, such as `pathlib.Path`."""

    def __fspath__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Spec:
    """Where a volume is, and which of its scales is meant: all that are given must hold.

    `url` ends with a slash; it is a URL, percent-encoded, or for the local disk also a plain path as it is.
    """

    url: str
    scale_index: int | None = None
    key: str | None = None
    resolution: Resolution | None = None


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
    >>> parse_spec({"driver": "neuroglancer_precomputed", "kvstore": "memory://em/", "scale_index": 1})
    Spec(url='memory://em/', scale_index=1, key=None, resolution=None)
    """
    if isinstance(spec, Mapping):
        try:
            return _parse_object(spec)
        except MetadataError as error:
            raise OptionError(str(error)) from None
    if isinstance(spec, str):
        return Spec(parse_url(spec))
    if isinstance(spec, PathLike):
        return Spec(_directory(spec.__fspath__()))
    raise OptionError(f"a volume is given by a path, a URL or a JSON spec, not by {spec!r}")


def parse_url(url: str) -> str:
    """Return the URL of the volume's directory, or its plain path, with a slash at the end.

    Raises
    ------
    OptionError
        The scheme is unknown, or the URL has parts that no directory has.
    """
    inner = url.removeprefix("precomputed://").removesuffix("|neuroglancer-precomputed:")
    match = _SCHEME.match(inner)
    if match is None:
        return _directory(inner)
    scheme = match[1].lower()
    if scheme not in SCHEMES:
        raise OptionError(f"the URL {url!r} has the scheme {scheme}, expected one of {', '.join(SCHEMES)}")
    if "|" in inner:
        raise OptionError(f"after a | in the URL {url!r} only neuroglancer-precomputed: can be read")
    if scheme in ("http", "https") and ("?" in inner or "#" in inner):
        raise OptionError(f"the URL {url!r} has a query or a fragment: give that of the volume's directory")
    return _directory(scheme + inner[len(scheme) :])


def _directory(path: str) -> str:
    if not path:
        raise OptionError("the path of a volume is empty")
    return path if path.endswith("/") else path + "/"


def _parse_object(document: Mapping[str, Any]) -> Spec:
    members = Members(document, what="spec")
    driver = members.text("driver")
    if driver not in DRIVERS and members.sound("driver"):
        members.note("driver", f"expected {DRIVERS[0]}, found {found(driver)}")
    url = _kvstore_url(members)
    path = members.text("path", default="").strip("/")
    index = members.integer("scale_index", 0, 2**64 - 1) if "scale_index" in members else None
    constraints = members.value("scale_metadata") if "scale_metadata" in members else {}
    scale = Members(constraints, "scale_metadata", "spec")
    key = scale.text("key") if "key" in scale else None
    resolution = scale.numbers("resolution") if "resolution" in scale else None
    problems = [*members.problems, *_left_over(members, _UNSUPPORTED)]
    problems += [*scale.problems, *_left_over(scale, _UNSUPPORTED_OF_SCALE)]
    if problems:
        raise MetadataError(problems, "spec")
    if path:
        url += (quote(path) if _SCHEME.match(url) else path) + "/"
    return Spec(url, index, key, resolution)


def _kvstore_url(members: Members) -> str:
    """Return the directory of the ``kvstore``: a URL, or an object that names a local or a memory store."""
    kvstore = members.value("kvstore")
    if isinstance(kvstore, str):
        return parse_url(kvstore)
    store = Members(kvstore, "kvstore", "spec")
    driver = store.choice("driver", ("file", "memory"))
    if not store.sound("driver"):
        members.extend("kvstore", store.problems)
        return ""
    path = store.text("path", default="" if driver == "memory" else None)
    members.extend("kvstore", [*store.problems, *_left_over(store, ())])
    if not members.sound("kvstore"):
        return ""
    return _directory(f"memory://{quote(path)}" if driver == "memory" else path)


def _left_over(members: Members, unsupported: Iterable[str]) -> list[Problem]:
    """Return a problem for each member that was not read."""
    messages = dict.fromkeys(unsupported, "is not supported yet")
    return [
        Problem(members.path(name), messages.get(name, "is not a member of the spec"))
        for name in members.unread()
    ]
