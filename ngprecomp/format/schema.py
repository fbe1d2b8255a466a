"""What an array is, or shall be, whatever its format (TensorStore's ``Schema``)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import MetadataError, OptionError, Problem
from ngprecomp.format.bound import MAX_RANK
from ngprecomp.format.chunk_layout import ChunkLayout, parse_chunk_layout
from ngprecomp.format.codec_spec import CodecSpec, parse_codec_spec
from ngprecomp.format.domain import IndexDomain, parse_domain
from ngprecomp.format.encodings import DATA_TYPES
from ngprecomp.format.members import found
from ngprecomp.format.printed import printed
from ngprecomp.format.units import Units, merged_units, parse_units, units_to_json
from ngprecomp.format.wishes import Wishes, as_options, document_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import DTypeLike


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Schema:
    """What is said of an array; None where nothing is.

    Parameters
    ----------
    json
        One JSON object, or another schema.
    rank, dtype, domain, chunk_layout, codec, fill_value, dimension_units
        As values or as their JSON.
    shape
        The shape of a domain that starts at 0.
    schema
        What must hold besides.

    Raises
    ------
    OptionError
        Something is wrong, or two things contradict each other.

    Examples
    --------
    >>> Schema(dtype="uint8", dimension_units=["4nm", "4nm", "40nm", None])
    Schema({
      'dimension_units': [[4.0, 'nm'], [4.0, 'nm'], [40.0, 'nm'], None],
      'dtype': 'uint8',
      'rank': 4,
    })
    """

    rank: int | None
    dtype: np.dtype[Any] | None
    domain: IndexDomain | None
    chunk_layout: ChunkLayout | None
    codec: CodecSpec | None
    fill_value: Any
    dimension_units: Units | None

    def __init__(  # noqa: PLR0913 (TensorStore's keywords)
        self,
        json: Mapping[str, Any] | Schema | None = None,
        /,
        *,
        rank: int | None = None,
        dtype: DTypeLike | None = None,
        domain: IndexDomain | Mapping[str, Any] | None = None,
        shape: Iterable[int] | None = None,
        chunk_layout: ChunkLayout | Mapping[str, Any] | None = None,
        codec: CodecSpec | Mapping[str, Any] | None = None,
        fill_value: Any = None,
        dimension_units: Iterable[Any] | None = None,
        schema: Mapping[str, Any] | Schema | None = None,
    ) -> None:
        said: list[dict[str, Any]] = [
            {"rank": rank},
            {"dtype": None if dtype is None else data_type_of(dtype)},
            {"domain": None if domain is None else IndexDomain(domain)},
            {"domain": None if shape is None else IndexDomain(shape=shape)},
            {"chunk_layout": None if chunk_layout is None else ChunkLayout(chunk_layout)},
            {"codec": None if codec is None else CodecSpec(codec)},
            {"fill_value": fill_value},
            {"dimension_units": None if dimension_units is None else parse_units(dimension_units)},
        ]
        for other in (json, schema):
            if isinstance(other, Schema):
                said.append(other._said())
            elif other is not None:
                said.append(as_options(_schema_members, document_of("Schema", other)))
        self._keep(said)

    def _said(self) -> dict[str, Any]:
        return {member.name: getattr(self, member.name) for member in fields(self)}

    def _keep(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Set each member to what all documents say of it; find the rank from all members."""
        both: dict[str, Any] = {member.name: None for member in fields(self)}
        for document in documents:
            for name, value in document.items():
                both[name] = _merged(name, both[name], value)
        for name in ("domain", "chunk_layout", "dimension_units"):
            both["rank"] = _merged("rank", both["rank"], _rank_of(both[name]), f" ({name})")
        if both["chunk_layout"] is not None:  # what only says the rank says nothing more
            layout = both["chunk_layout"].merged(ChunkLayout(rank=both["rank"]))
            both["chunk_layout"] = layout if layout.constraints else None
        if not any(both["dimension_units"] or ()):
            both["dimension_units"] = None
        for name, value in both.items():
            object.__setattr__(self, name, value)

    def merged(self, other: Schema) -> Schema:
        """Return what both say.

        Raises
        ------
        OptionError
            They contradict each other.
        """
        return Schema(self, schema=other)

    def to_json(self) -> dict[str, Any]:
        """Return TensorStore's JSON form."""
        document: dict[str, Any] = {"rank": self.rank, "fill_value": self.fill_value}
        for name in ("domain", "chunk_layout", "codec"):
            value = getattr(self, name)
            document[name] = None if value is None else value.to_json()
        if document["chunk_layout"] is not None:
            document["chunk_layout"].pop("rank", None)
        if self.dtype is not None:
            document["dtype"] = self.dtype.name
        if self.dimension_units is not None:
            document["dimension_units"] = units_to_json(self.dimension_units)
        return {name: value for name, value in document.items() if value is not None}

    def __repr__(self) -> str:
        return f"Schema({printed(self.to_json())})"


def parse_schema(document: object, where: str = "") -> Schema:
    """Return the schema that a JSON object describes; `where` is its path in the spec, for messages.

    Raises
    ------
    MetadataError
        With everything that is wrong.
    """
    members = _schema_members(document, where)
    schema = object.__new__(Schema)
    try:
        schema._keep([members])
    except OptionError as error:
        raise MetadataError([Problem(where, str(error))], "schema") from None
    return schema


def data_type_of(dtype: DTypeLike) -> np.dtype[Any]:
    """Return one of the eight data types in native byte order.

    Raises
    ------
    OptionError
        It is another one, or none.
    """
    import numpy as np

    dtype = getattr(dtype, "numpy_dtype", dtype)  # TensorStore's own types
    try:
        name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    except (TypeError, ValueError):
        name = str(dtype)
    if name not in DATA_TYPES:
        raise OptionError(f"expected the dtype to be one of {', '.join(DATA_TYPES)}, found {name}")
    return np.dtype(name)


def data_type_named(name: object) -> np.dtype[Any]:
    """Return the data type of a document, where only its name in lower case counts."""
    import numpy as np

    if isinstance(name, str) and name in DATA_TYPES:
        return np.dtype(name)
    raise OptionError(f"expected one of {', '.join(DATA_TYPES)}, found {found(name)}")


def _schema_members(document: object, where: str) -> dict[str, Any]:
    wishes = Wishes(document, where, "schema")
    members = {
        "rank": wishes.given("rank", wishes.integer, 0, MAX_RANK),
        "dtype": wishes.one("dtype", data_type_named),
        "domain": wishes.part("domain", parse_domain),
        "chunk_layout": wishes.part("chunk_layout", parse_chunk_layout),
        "codec": wishes.part("codec", parse_codec_spec),
        "fill_value": wishes.one("fill_value", _fill_value),
        "dimension_units": wishes.one("dimension_units", parse_units),
    }
    wishes.close()
    return members


def _fill_value(value: Any) -> Any:
    if value is None:
        raise OptionError("expected a number, found null")
    return value


def _merged(name: str, one: Any, other: Any, whose: str = "") -> Any:
    if one is None or other is None:
        return one if other is None else other
    if name in ("domain", "chunk_layout", "codec"):
        return one.merged(other)
    if name == "dimension_units":
        return merged_units(one, other)
    if one != other:
        raise OptionError(f"{name} is both {one} and {other}{whose}")
    return one


def _rank_of(value: IndexDomain | ChunkLayout | Units | None) -> int | None:
    """Return how many dimensions a member has; an empty list of units says nothing."""
    return (len(value) or None) if isinstance(value, tuple) else getattr(value, "rank", None)
