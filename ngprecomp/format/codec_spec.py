"""How chunks are encoded, as far as it is said (TensorStore's ``CodecSpec``)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import OptionError
from ngprecomp.format.encodings import ENCODINGS
from ngprecomp.format.members import found
from ngprecomp.format.printed import printed
from ngprecomp.format.sharding import ENCODINGS as SHARD_ENCODINGS
from ngprecomp.format.wishes import Wishes, as_options, document_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ngprecomp.format.sharding import ShardEncoding

DRIVER = "neuroglancer_precomputed"
DRIVERS = (DRIVER, "neuroglancer-precomputed")


@dataclass(frozen=True, slots=True, init=False, repr=False)
class CodecSpec:
    """The encoding of chunks and its parameters; None where nothing is said.

    Examples
    --------
    >>> CodecSpec({"driver": "neuroglancer_precomputed", "encoding": "jpeg", "jpeg_quality": 90}).jpeg_quality
    90
    """

    encoding: str | None
    jpeg_quality: int | None
    png_level: int | None
    shard_data_encoding: ShardEncoding | None

    def __init__(self, json: Mapping[str, Any] | CodecSpec | None = None, /, **members: Any) -> None:
        if isinstance(json, CodecSpec):
            json = json.to_json()
        document = {"driver": DRIVER} if json is None else document_of("CodecSpec", json)
        given = {name: value for name, value in members.items() if value is not None}
        for name, value in as_options(_members, {**document, **given}).items():
            object.__setattr__(self, name, value)

    def merged(self, other: CodecSpec) -> CodecSpec:
        """Return what both say.

        Raises
        ------
        OptionError
            They differ.
        """
        both = {}
        for member in fields(self):
            one, two = getattr(self, member.name), getattr(other, member.name)
            if None not in (one, two) and one != two:
                raise OptionError(f'"{member.name}" of {found(one)} and of {found(two)} differ')
            both[member.name] = two if one is None else one
        return CodecSpec(**both)

    def to_json(self) -> dict[str, Any]:
        """Return TensorStore's JSON form."""
        said = {member.name: getattr(self, member.name) for member in fields(self)}
        return {"driver": DRIVER, **{name: value for name, value in said.items() if value is not None}}

    def __repr__(self) -> str:
        return f"CodecSpec({printed(self.to_json())})"


def parse_codec_spec(document: object, where: str = "") -> CodecSpec:
    """Return the codec that a JSON object describes; `where` is its path in the spec, for messages.

    Raises
    ------
    MetadataError
        With everything that is wrong.
    """
    return CodecSpec(**_members(document, where))


def encoding_members(wishes: Wishes) -> dict[str, Any]:
    """Read encoding, jpeg_quality and png_level, each of which belongs to its encoding only."""
    encoding = wishes.word("encoding", ENCODINGS)
    return {
        "encoding": encoding,
        "jpeg_quality": owned(wishes, "jpeg_quality", "jpeg", encoding, wishes.integer, 0, 100),
        "png_level": owned(wishes, "png_level", "png", encoding, wishes.integer, 0, 9),
    }


def owned(wishes: Wishes, name: str, owner: str, encoding: str | None, *reading: Any) -> Any:
    """Read a parameter of the encoding `owner`; beside another one, or none, it is a problem."""
    value = wishes.given(name, *reading)
    if name not in wishes or encoding == owner:
        return value
    if wishes.sound("encoding"):
        wishes.note(name, f'belongs to the encoding "{owner}", but the encoding is {encoding or "not given"}')
    return None


def _members(document: object, where: str) -> dict[str, Any]:
    wishes = Wishes(document, where, "codec")
    driver = wishes.text("driver")
    if driver not in DRIVERS and wishes.sound("driver"):
        wishes.note("driver", f'expected "{DRIVER}", found "{driver}"')
    members = {
        **encoding_members(wishes),
        "shard_data_encoding": wishes.word("shard_data_encoding", SHARD_ENCODINGS),
    }
    wishes.close()
    return members
