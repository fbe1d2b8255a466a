"""The chunk layout of an array, or what somebody wants of it (TensorStore's ``ChunkLayout``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ngprecomp.errors import OptionError, Problem
from ngprecomp.format.bound import MAX_RANK
from ngprecomp.format.constraint import (
    SOFT,
    Constraint,
    Constraints,
    constraints_to_json,
    merged_constraints,
    parse_constraints,
)
from ngprecomp.format.layout_members import read_count, read_order, read_origin, read_ratios, read_shape
from ngprecomp.format.printed import printed
from ngprecomp.format.wishes import Wishes, as_options, document_of

if TYPE_CHECKING:
    from collections.abc import Mapping

GRIDS = ("write_chunk", "read_chunk", "codec_chunk")
MEMBERS = ("shape", "aspect_ratio", "elements")


@dataclass(frozen=True, slots=True, init=False, repr=False)
class LayoutGrid:
    """What is wanted of chunks of one kind: their shape, the ratio of their sides, how many elements they have.

    Keywords are the members of its JSON form: ``shape``, ``aspect_ratio``, ``elements``, each also with
    ``_soft_constraint`` at the end.

    Examples
    --------
    >>> LayoutGrid(shape=[64, 0, 64, 2], elements_soft_constraint=100000)
    ChunkLayout.Grid({'elements_soft_constraint': 100000, 'shape': [64, None, 64, 2]})
    """

    constraints: tuple[tuple[str, Constraint], ...]

    def __init__(self, json: Any = None, /, **members: Any) -> None:
        document = {} if json is None else document_of("ChunkLayout.Grid", json)
        given = {name: value for name, value in members.items() if value is not None}
        _keep(self, as_options(parse_grid, {**document, **given}))

    def wanted(self, name: str) -> Constraint:
        """Return the constraint of a member, hard and soft."""
        return dict(self.constraints).get(name, Constraint())

    @property
    def rank(self) -> int | None:
        """The number of dimensions, if it is known."""
        return self.wanted("shape").rank or self.wanted("aspect_ratio").rank or None

    @property
    def shape(self) -> tuple[int | None, ...] | None:
        """Sides that chunks must have; None along a dimension where nothing is demanded."""
        return self.wanted("shape").only(hard=True)

    @property
    def shape_soft_constraint(self) -> tuple[int | None, ...] | None:
        """Sides that chunks should have; -1 for the whole extent."""
        return self.wanted("shape").only(hard=False)

    @property
    def aspect_ratio(self) -> tuple[float | None, ...] | None:
        """Sides relative to each other."""
        return self.wanted("aspect_ratio").only(hard=True)

    @property
    def aspect_ratio_soft_constraint(self) -> tuple[float | None, ...] | None:
        """Sides relative to each other, preferred."""
        return self.wanted("aspect_ratio").only(hard=False)

    @property
    def elements(self) -> int | None:
        """How many elements chunks have."""
        elements: int | None = _single(self.wanted("elements").only(hard=True))
        return elements

    @property
    def elements_soft_constraint(self) -> int | None:
        """How many elements chunks should have."""
        elements: int | None = _single(self.wanted("elements").only(hard=False))
        return elements

    def to_json(self) -> dict[str, Any]:
        """Return TensorStore's JSON form."""
        return constraints_to_json(dict(self.constraints), single=("elements",))

    def __repr__(self) -> str:
        return f"ChunkLayout.Grid({printed(self.to_json())})"


@dataclass(frozen=True, slots=True, init=False, repr=False)
class ChunkLayout:
    """What is wanted of the chunks of an array, or how they are.

    Keywords are the paths of the members of its JSON form: ``grid_origin``, ``inner_order``,
    ``read_chunk_shape``, ``write_chunk_elements``, ``codec_chunk_aspect_ratio`` and so on, and ``chunk_...`` for
    all kinds of chunks; each also with ``_soft_constraint`` at the end. ``read_chunk`` and its like take a
    whole `ChunkLayout.Grid`.

    Raises
    ------
    OptionError
        Keywords contradict each other, or one of them is wrong.

    Examples
    --------
    >>> ChunkLayout(chunk_aspect_ratio=[2, 1, 1, 0], read_chunk_elements=2000000)
    ChunkLayout({
      'codec_chunk': {'aspect_ratio': [2.0, 1.0, 1.0, None]},
      'read_chunk': {'aspect_ratio': [2.0, 1.0, 1.0, None], 'elements': 2000000},
      'write_chunk': {'aspect_ratio': [2.0, 1.0, 1.0, None]},
    })
    """

    Grid: ClassVar[type[LayoutGrid]] = LayoutGrid

    rank: int | None
    constraints: tuple[tuple[str, Constraint], ...]

    def __init__(self, json: Any = None, /, **keywords: Any) -> None:
        given = {name: value for name, value in keywords.items() if value is not None}
        documents = [_document(name, value) for name, value in sorted(given.items(), key=_position)]
        if isinstance(json, ChunkLayout):
            documents.append(json.to_json())
        elif json is not None:
            documents.append(document_of("ChunkLayout", json))
        rank: int | None = None
        constraints: Constraints = {}
        for document in documents:
            other_rank, other = as_options(_layout_members, document)
            rank = _common_rank(rank, other_rank)
            constraints = merged_constraints(constraints, other)
        object.__setattr__(self, "rank", rank)
        _keep(self, constraints)

    @property
    def ndim(self) -> int | None:
        """The number of dimensions, if it is known."""
        return self.rank

    @property
    def grid_origin(self) -> tuple[int | None, ...] | None:
        """Where the grid of chunks must start."""
        return self.wanted("grid_origin").only(hard=True)

    @property
    def grid_origin_soft_constraint(self) -> tuple[int | None, ...] | None:
        """Where the grid of chunks should start."""
        return self.wanted("grid_origin").only(hard=False)

    @property
    def inner_order(self) -> tuple[int, ...] | None:
        """The dimensions in the order of storage, the slowest first."""
        order: tuple[int, ...] | None = _single(self.wanted("inner_order").only(hard=True))
        return order

    @property
    def inner_order_soft_constraint(self) -> tuple[int, ...] | None:
        """The preferred order of storage."""
        order: tuple[int, ...] | None = _single(self.wanted("inner_order").only(hard=False))
        return order

    @property
    def read_chunk(self) -> LayoutGrid:
        """The chunks that are read at once."""
        return self._grid("read_chunk")

    @property
    def write_chunk(self) -> LayoutGrid:
        """The chunks, or shards of chunks, that are written at once."""
        return self._grid("write_chunk")

    @property
    def codec_chunk(self) -> LayoutGrid:
        """The blocks in which a chunk is encoded."""
        return self._grid("codec_chunk")

    def wanted(self, name: str) -> Constraint:
        """Return a constraint, hard and soft, by its path: ``grid_origin`` or ``read_chunk.shape``."""
        return dict(self.constraints).get(name, Constraint())

    def merged(self, other: ChunkLayout) -> ChunkLayout:
        """Return what both want.

        Raises
        ------
        OptionError
            They contradict each other.
        """
        layout = object.__new__(ChunkLayout)
        object.__setattr__(layout, "rank", _common_rank(self.rank, other.rank))
        _keep(layout, merged_constraints(dict(self.constraints), dict(other.constraints)))
        return layout

    def to_json(self) -> dict[str, Any]:
        """Return TensorStore's JSON form."""
        top = {name: self.wanted(name) for name in ("grid_origin", "inner_order")}
        document = constraints_to_json(top, single=("inner_order",))
        document.update({name: grid for name in GRIDS if (grid := self._grid(name).to_json())})
        if self.rank is not None and all(
            constraint.empty for name, constraint in self.constraints if "elements" not in name
        ):
            document["rank"] = self.rank
        return document

    def _grid(self, name: str) -> LayoutGrid:
        grid = object.__new__(LayoutGrid)
        _keep(grid, {member: self.wanted(f"{name}.{member}") for member in MEMBERS})
        return grid

    def __repr__(self) -> str:
        return f"ChunkLayout({printed(self.to_json())})"


def parse_chunk_layout(document: object, where: str = "") -> ChunkLayout:
    """Return the chunk layout that a JSON object describes; `where` is its path in the spec, for messages.

    Raises
    ------
    MetadataError
        With everything that is wrong.
    """
    layout = object.__new__(ChunkLayout)
    rank, constraints = _layout_members(document, where)
    object.__setattr__(layout, "rank", rank)
    _keep(layout, constraints)
    return layout


def parse_grid(document: object, where: str) -> dict[str, Constraint]:
    """Return the constraints of one kind of chunks."""
    wishes = Wishes(document, where, "grid")
    constraints = parse_constraints(wishes, {"shape": read_shape, "aspect_ratio": read_ratios, "elements": read_count})
    wishes.close()
    return constraints


def _layout_members(document: object, where: str) -> tuple[int | None, Constraints]:
    wishes = Wishes(document, where, "chunk layout")
    rank = wishes.given("rank", wishes.integer, 0, MAX_RANK)
    constraints = parse_constraints(wishes, {"grid_origin": read_origin, "inner_order": read_order})
    try:
        for name in ("chunk", *GRIDS):
            grid = wishes.part(name, parse_grid) or {}
            # What is wanted of all chunks is wanted of each kind; of the blocks of a codec only the ratio.
            for kind in GRIDS if name == "chunk" else (name,):
                spread = {
                    f"{kind}.{member}": constraint
                    for member, constraint in grid.items()
                    if name == kind or kind != "codec_chunk" or member == "aspect_ratio"
                }
                constraints = merged_constraints(constraints, spread)
        for name, constraint in constraints.items():
            rank = _common_rank(rank, None if name.endswith("elements") else constraint.rank)
    except OptionError as error:
        wishes.extend("", [Problem(where, str(error))])
    wishes.close()
    return rank, constraints


def _document(keyword: str, value: Any) -> Mapping[str, Any]:
    """Return the document in which a keyword is a member: ``read_chunk_shape`` is in ``read_chunk``."""
    if isinstance(value, LayoutGrid):
        value = value.to_json()
    for grid in (*GRIDS, "chunk"):
        if keyword.startswith(f"{grid}_"):
            return {grid: {keyword.removeprefix(f"{grid}_"): value}}
    return {keyword: value}


def _position(keyword: tuple[str, Any]) -> tuple[bool, bool]:
    """Sort what is said of all chunks before what is said of one kind, and what is hard first."""
    return (not keyword[0].startswith("chunk"), keyword[0].endswith(SOFT))


def _keep(holder: LayoutGrid | ChunkLayout, constraints: Constraints) -> None:
    """Give a new value its constraints, in a fixed order, so that equal ones compare equal."""
    said = {name: constraint for name, constraint in constraints.items() if not constraint.empty}
    object.__setattr__(holder, "constraints", tuple(sorted(said.items())))


def _common_rank(one: int | None, other: int | None) -> int | None:
    if None not in (one, other) and one != other:
        raise OptionError(f"expected one number of dimensions, found {one} and {other}")
    return other if one is None else one


def _single(values: tuple[Any, ...] | None) -> Any:
    return values[0] if values else None
