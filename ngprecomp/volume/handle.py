"""One scale of a volume as an array: absolute coordinates, x, y, z, channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.description import chunk_layout_of, codec_of, domain_of, schema_of, spec_of
from ngprecomp.format.info import Info, info_to_json
from ngprecomp.format.units import units_of
from ngprecomp.volume.budget import parse_memory
from ngprecomp.volume.indexing import Index, box_selection, parse_index
from ngprecomp.volume.places import refuse_escape
from ngprecomp.volume.reading import Missing, checked_missing, read_selection
from ngprecomp.volume.resources import Resources
from ngprecomp.volume.values import as_voxels
from ngprecomp.volume.write_boxes import write_boxes
from ngprecomp.volume.writing import Input, like_the_rest, write_selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.chunk_layout import ChunkLayout
    from ngprecomp.format.codec_spec import CodecSpec
    from ngprecomp.format.domain import IndexDomain
    from ngprecomp.format.scale import Scale
    from ngprecomp.format.schema import Schema
    from ngprecomp.format.spec import Spec
    from ngprecomp.format.units import Units

BoxLike = Box | tuple[slice | tuple[int, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A scale that is open for slicing and assignment.

    ``vol[x0:x1, y0:y1, z0:z1]`` reads at once and returns [x, y, z, channel], Fortran-ordered; coordinates are
    absolute (`voxel_offset` counts, negative numbers are coordinates) and a selection beyond the domain raises
    IndexError. ``vol[...] = value`` writes; what becomes zero is not stored. Handles pickle.
    """

    place: Place
    parsed_info: Info
    scale_index: int
    opened_with: Spec
    missing: Missing = "zero"
    durable: bool = False
    resources: Resources = field(default_factory=Resources)

    @property
    def scale(self) -> Scale:
        """The parsed metadata of this scale."""
        return self.place.scale

    @property
    def url(self) -> str:
        """Where the volume is."""
        return self.place.store.url

    @property
    def info(self) -> dict[str, Any]:
        """The whole ``info`` document, a copy."""
        return info_to_json(self.parsed_info)

    @property
    def scales(self) -> list[dict[str, Any]]:
        """The members of ``scales`` of the ``info`` document, a copy."""
        scales: list[dict[str, Any]] = self.info["scales"]
        return scales

    @property
    def key(self) -> str:
        """The key of this scale."""
        return self.scale.key

    @property
    def resolution(self) -> tuple[float, float, float]:
        """Voxel size along x, y, z in nanometres."""
        return self.scale.resolution

    @property
    def voxel_offset(self) -> Triple:
        """Coordinates of the first voxel."""
        return self.scale.voxel_offset

    @property
    def box(self) -> Box:
        """All voxels, absolute coordinates."""
        return self.scale.box

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a voxel."""
        return self.place.dtype

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Voxels along x, y, z and the number of channels."""
        return (*self.scale.size, self.place.num_channels)

    @property
    def ndim(self) -> int:
        """Always 4: x, y, z, channel."""
        return 4

    @property
    def schema(self) -> Schema:
        """Everything that TensorStore would say of this scale, as `ng.Schema`."""
        return schema_of(self.parsed_info, self.scale, self.scale.chunk_size)

    @property
    def domain(self) -> IndexDomain:
        """Voxels and channels with their labels, as `ng.IndexDomain`."""
        return domain_of(self.scale, self.place.num_channels)

    @property
    def chunk_layout(self) -> ChunkLayout:
        """The shapes in which voxels are read, written and encoded, as `ng.ChunkLayout`."""
        return chunk_layout_of(self.scale, self.place.num_channels, self.scale.chunk_size)

    @property
    def codec(self) -> CodecSpec:
        """The encoding and its parameters, as `ng.CodecSpec`."""
        return codec_of(self.scale)

    @property
    def dimension_units(self) -> Units:
        """The size of a voxel with its unit along x, y and z; None for the channel."""
        return units_of(self.resolution)

    def spec(self, *, minimal: bool = False) -> dict[str, Any]:
        """Return TensorStore's JSON spec that opens this scale again; `minimal` leaves out what ``info`` says."""
        return spec_of(self.opened_with, self.parsed_info, self.scale_index, self.scale, minimal=minimal)

    def __getitem__(self, index: Index) -> NDArray[Any]:
        """Return the selected voxels; integers drop their axis."""
        selection = parse_index(index, self.box, self.place.num_channels)
        voxels, _ = read_selection(self.place, selection, self.missing, self.resources)
        selected: NDArray[Any] = voxels[selection.result_index]
        return selected

    def __setitem__(self, index: Index, value: ArrayLike) -> None:
        """Store a value that broadcasts to the selection; unaligned and sharded writes keep what they do not cover."""
        refuse_escape(self.scale, "write to")
        selection = parse_index(index, self.box, self.place.num_channels)
        voxels = as_voxels(value, selection, self.dtype)
        for place in self.place.copies:
            like = like_the_rest(place, self.resources)
            write_selection(like, Input(selection, voxels), self.resources, durable=self.durable)

    def read(self, box: BoxLike, missing: Missing | None = None) -> tuple[NDArray[Any], int]:
        """Return a box of voxels [x, y, z, channel] and how many of the chunks it touches are absent.

        Parameters
        ----------
        box
            ``((x0, x1), (y0, y1), (z0, z1))`` or three slices.
        missing
            ``"zero"`` or ``"error"`` for absent chunks; the handle's own policy where not given.

        Raises
        ------
        OutOfBoundsError
            The box leaves the domain.
        MissingChunkError
            A chunk is absent and `missing` is ``"error"``.
        """
        selection = parse_index(_as_slices(box), self.box, self.place.num_channels)
        policy = self.missing if missing is None else checked_missing(missing)
        return read_selection(self.place, selection, policy, self.resources)

    def write_boxes(self, memory: int | str | None = None) -> Iterator[tuple[slice, slice, slice]]:
        """Yield x, y, z slices that cut the volume into parts which different writers may write at the same time.

        Each holds whole stored objects: one chunk or shard, or as many as fit into `memory` (``"4GB"``).

        Raises
        ------
        OptionError
            One object alone takes more than `memory`; the sentence says what it needs.

        Examples
        --------
        >>> import ngprecomp as ng
        >>> vol = ng.create("memory://doc/boxes", shape=(100, 64, 64), dtype="uint8", chunk_size=(64, 64, 64))
        >>> for box in vol.write_boxes():
        ...     vol[box] = 1
        """
        limit = None if memory is None else parse_memory(memory)
        for box in write_boxes(self.place, limit):
            yield _as_slices(box)

    def to_dask(self, chunks: Sequence[int] | int | str | None = None) -> Any:
        """Return the volume as a dask array [x, y, z, channel], which counts from 0 whatever the voxel offset is.

        Its name tells volume, scale and blocks; its tasks carry a handle, neither threads nor cache. They run on dask's
        threads, its processes and a cluster. Needs the extra ``dask``.

        Parameters
        ----------
        chunks
            Voxels of a block along x, y, z (one number for all, -1 for a whole axis), multiples of the volume's own
            chunks; or bytes such as ``"64MB"``. By default 64 to 128 MiB, whole shards where they are not larger.

        Raises
        ------
        OptionError
            They are no multiples, or dask is not installed.
        """
        from ngprecomp.volume.dask_array import to_dask

        return to_dask(self, chunks)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a volume lies in a store: reading it always makes a new array")
        whole, _ = read_selection(
            self.place, box_selection(self.box, self.place.num_channels), self.missing, self.resources
        )
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Yield the planes along x; without this Python would ask for the coordinates 0, 1, 2."""
        return (self[x] for x in range(self.box.lo[0], self.box.hi[0]))

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.shape[:3]))
        channels = f", {self.place.num_channels} channels" if self.place.num_channels > 1 else ""
        resolution = " x ".join(f"{step:g}" for step in self.resolution)
        return (
            f"<Volume {self.url} scale {self.scale_index} ({self.key}): {size} voxels of {self.dtype}{channels}, "
            f"{resolution} nm, {self.scale.encoding}>"
        )

    def _repr_html_(self) -> str:
        """Return a table and a thumbnail, for notebooks."""
        from ngprecomp.volume.html import html_of

        return html_of(self)


def _as_slices(box: BoxLike) -> tuple[slice, slice, slice]:
    if isinstance(box, Box):
        x, y, z = (slice(lo, hi) for lo, hi in zip(box.lo, box.hi, strict=True))
        return x, y, z
    try:
        parts = [part if isinstance(part, slice) else slice(*part) for part in box]
        for part in parts:
            part.indices(0)  # refuses what is no integer
    except (TypeError, ValueError):
        raise OptionError(
            f"a box is ((x0, x1), (y0, y1), (z0, z1)) or three slices, of integers; found {box!r}"
        ) from None
    if len(parts) != 3:
        raise OptionError(f"a box has three ranges, x, y and z; found {len(parts)}")
    x, y, z = parts
    return x, y, z


def as_box(box: BoxLike, domain: Box) -> Box:
    """Return a box given as three slices or pairs; a bound left out is that of the domain.

    Raises
    ------
    OutOfBoundsError
        The box leaves the domain.
    OptionError
        It is none, or has steps.
    """
    slices = _as_slices(box)
    if any(part.step not in (None, 1) for part in slices):
        raise OptionError(f"a box has no steps, found {box!r}")
    ranges = parse_index(slices, domain, 1).ranges[:3]
    return Box(triple(r.start for r in ranges), triple(r.stop for r in ranges))
