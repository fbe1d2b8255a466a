"""The ``transform`` of a JSON spec: only one that leaves the array as it is."""

from __future__ import annotations

from ngprecomp.errors import MetadataError, Problem
from ngprecomp.format.domain import IndexDomain, parse_domain
from ngprecomp.format.members import Members, found

_DOMAIN = ("rank", "inclusive_min", "exclusive_max", "inclusive_max", "shape", "labels")


def parse_transform(document: object, where: str) -> IndexDomain:
    """Return the domain that a transform gives to the array.

    Raises
    ------
    MetadataError
        With everything that is wrong; also where the transform moves, crops or permutes dimensions.

    Examples
    --------
    >>> parse_transform({"input_inclusive_min": [0, 0], "input_exclusive_max": [4, 4]}, "transform")
    { [0, 4), [0, 4) }
    """
    members = Members(document, where, "spec")
    bounds = {name: members.value(f"input_{name}") for name in _DOMAIN if f"input_{name}" in members}
    if "output" in members:
        outputs = members.value("output")
        if not isinstance(outputs, (list, tuple)) or not all(map(_leaves, outputs, range(len(outputs)))):
            members.note("output", f"{found(outputs)} changes the array: select from the volume that is opened")
    for name in members.unread():
        members.note(name, "is not a member of transform")
    members.close()
    try:
        domain = parse_domain(bounds, where)
    except MetadataError as error:
        renamed = [Problem(problem.where.replace(".", ".input_"), problem.message) for problem in error.problems]
        raise MetadataError(renamed, "spec") from None
    if "output" in members and len(outputs) != domain.rank:
        raise MetadataError([Problem(f"{where}.output", f"expected {domain.rank} dimensions")], "spec")
    return domain


def _leaves(output: object, axis: int) -> bool:
    """Whether an output dimension is the input dimension of the same number."""
    return isinstance(output, dict) and {"offset": 0, "stride": 1, **output} == {
        "offset": 0,
        "stride": 1,
        "input_dimension": axis,
    }
