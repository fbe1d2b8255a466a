"""The domain of an array: per dimension a range of indices and a label (TensorStore's ``IndexDomain``)."""

from __future__ import annotations

import json as json_text
import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import MetadataError, OptionError, Problem
from ngprecomp.format.bound import INFINITE, MAX_RANK, NO_LOWER, NO_UPPER, Bound, bounds_reader, flagged, plain_bounds
from ngprecomp.format.members import found
from ngprecomp.format.wishes import Wishes, as_options, document_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_UPPER = ("exclusive_max", "inclusive_max", "shape")
_MEMBERS = ("rank", "inclusive_min", *_UPPER, "labels")


@dataclass(frozen=True, slots=True, init=False, repr=False)
class IndexDomain:
    """Which indices an array has along each dimension, and what its dimensions are called.

    Parameters
    ----------
    rank
        The number of dimensions, where nothing else tells it; or one JSON object, or another domain.
    inclusive_min
        First indices; 0 where a shape is given, else unbounded.
    exclusive_max, inclusive_max, shape
        One of the three; unbounded where none is given.
    labels
        Names of the dimensions; empty where a dimension has none.
    implicit_lower_bounds, implicit_upper_bounds
        Which bounds are only a guess; those that are not given are.
    json
        One JSON object in place of all others.

    Raises
    ------
    OptionError
        Something is wrong, or two things contradict each other.

    Examples
    --------
    >>> IndexDomain(inclusive_min=[20, 30, 40, 0], shape=[1000, 2000, 3000, 2], labels=["x", "y", "z", "channel"])
    { "x": [20, 1020), "y": [30, 2030), "z": [40, 3040), "channel": [0, 2) }
    """

    lower: tuple[Bound, ...]
    upper: tuple[Bound, ...]
    labels: tuple[str, ...]

    def __init__(  # noqa: PLR0913 (TensorStore's keywords)
        self,
        rank: int | Mapping[str, Any] | IndexDomain | None = None,
        *,
        inclusive_min: Iterable[int] | None = None,
        exclusive_max: Iterable[int] | None = None,
        inclusive_max: Iterable[int] | None = None,
        shape: Iterable[int] | None = None,
        labels: Iterable[str | None] | None = None,
        implicit_lower_bounds: Iterable[bool] | None = None,
        implicit_upper_bounds: Iterable[bool] | None = None,
        json: Any = None,
    ) -> None:
        if isinstance(rank, IndexDomain):
            _keep(self, rank.lower, rank.upper, rank.labels)
        elif json is not None or not (rank is None or hasattr(rank, "__index__")):
            document = document_of("IndexDomain", rank if json is None else json)
            _keep(self, *as_options(_domain_members, document))
        else:
            given = {
                "inclusive_min": inclusive_min,
                "exclusive_max": exclusive_max,
                "inclusive_max": inclusive_max,
                "shape": shape,
            }
            bounds = {name: None if values is None else plain_bounds(name, values) for name, values in given.items()}
            names = None if labels is None else [label or "" for label in labels]
            lower, upper, names = _described(None if rank is None else operator.index(rank), bounds, names)
            _keep(self, flagged(lower, implicit_lower_bounds), flagged(upper, implicit_upper_bounds), names)

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.lower)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.rank

    @property
    def inclusive_min(self) -> tuple[int, ...]:
        """First indices."""
        return tuple(bound.at for bound in self.lower)

    @property
    def origin(self) -> tuple[int, ...]:
        """First indices."""
        return self.inclusive_min

    @property
    def exclusive_max(self) -> tuple[int, ...]:
        """The indices after the last ones."""
        return tuple(bound.at for bound in self.upper)

    @property
    def inclusive_max(self) -> tuple[int, ...]:
        """Last indices."""
        return tuple(bound.at - 1 for bound in self.upper)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many indices there are along each dimension."""
        return tuple(hi.at - lo.at for lo, hi in zip(self.lower, self.upper, strict=True))

    @property
    def size(self) -> int:
        """How many elements the array has."""
        return math.prod(self.shape)

    @property
    def index_exp(self) -> tuple[slice, ...]:
        """The whole domain as slices."""
        ends = [[None if bound.unbounded else bound.at for bound in bounds] for bounds in (self.lower, self.upper)]
        return tuple(map(slice, *ends))

    @property
    def implicit_lower_bounds(self) -> tuple[bool, ...]:
        """Which first indices are only a guess."""
        return tuple(bound.implicit for bound in self.lower)

    @property
    def implicit_upper_bounds(self) -> tuple[bool, ...]:
        """Which last indices are only a guess."""
        return tuple(bound.implicit for bound in self.upper)

    @property
    def finite(self) -> bool:
        """Whether every bound is a number."""
        return not any(bound.unbounded for bound in self.lower + self.upper)

    def __len__(self) -> int:
        return self.rank

    def merged(self, other: IndexDomain) -> IndexDomain:
        """Return the domain that both describe; bounds and labels that one leaves open are the other's.

        Raises
        ------
        OptionError
            They differ.
        """
        if self.rank != other.rank:
            raise OptionError(f"the domains {self} and {other} differ in the number of dimensions")
        lower = [one.merged(two) for one, two in zip(self.lower, other.lower, strict=True)]
        upper = [one.merged(two) for one, two in zip(self.upper, other.upper, strict=True)]
        labels = [
            (one or two) if not one or not two or one == two else None
            for one, two in zip(self.labels, other.labels, strict=True)
        ]
        for axis, agreed in enumerate(zip(lower, upper, labels, strict=True)):
            if None in agreed:
                raise OptionError(f"the domains {self} and {other} differ in dimension {axis}")
        merged = object.__new__(IndexDomain)
        _keep(merged, *([value for value in values if value is not None] for values in (lower, upper, labels)))  # type: ignore[arg-type]
        return merged

    def to_json(self) -> dict[str, Any]:
        """Return TensorStore's JSON form; bounds of which nothing is known are left out."""
        document: dict[str, Any] = {}
        if set(self.upper) - {NO_UPPER}:
            document["exclusive_max"] = [bound.to_json() for bound in self.upper]
        if set(self.lower) - {NO_LOWER}:
            document["inclusive_min"] = [bound.to_json() for bound in self.lower]
        if any(self.labels):
            document["labels"] = list(self.labels)
        return document or {"rank": self.rank}

    def __repr__(self) -> str:
        names = [f"{json_text.dumps(label, ensure_ascii=False)}: " if label else "" for label in self.labels]
        ranges = [
            f"{name}{'(' if lo.unbounded else '['}{lo}, {hi})"
            for name, lo, hi in zip(names, self.lower, self.upper, strict=True)
        ]
        return f"{{ {', '.join(ranges)} }}"


def parse_domain(document: object, where: str = "") -> IndexDomain:
    """Return the domain that a JSON object describes; `where` is its path in the spec, for messages.

    A bound is a number, ``"-inf"`` or ``"+inf"``; in brackets it is implicit.

    Raises
    ------
    MetadataError
        With everything that is wrong.

    Examples
    --------
    >>> parse_domain({"inclusive_min": [0, ["-inf"]], "exclusive_max": [[10], 20]})
    { [0, 10*), (-inf*, 20) }
    """
    domain = object.__new__(IndexDomain)
    _keep(domain, *_domain_members(document, where))
    return domain


_Parts = tuple[list[Bound], list[Bound], list[str]]


def _keep(domain: IndexDomain, lower: Iterable[Bound], upper: Iterable[Bound], labels: Iterable[str]) -> None:
    for name, values in (("lower", lower), ("upper", upper), ("labels", labels)):
        object.__setattr__(domain, name, tuple(values))


def _domain_members(document: object, where: str) -> _Parts:
    wishes = Wishes(document, where, "domain")
    if not any(name in wishes for name in _MEMBERS):
        wishes.note(_MEMBERS[0], f"expected at least one of {', '.join(_MEMBERS)}")
    bounds = {name: wishes.one(name, bounds_reader("+inf", INFINITE + (name != "inclusive_max"))) for name in _UPPER}
    bounds["inclusive_min"] = wishes.one("inclusive_min", bounds_reader("-inf", -INFINITE))
    rank, labels = wishes.given("rank", wishes.integer, 0, MAX_RANK), wishes.one("labels", _labels)
    wishes.close()
    try:
        return _described(rank, bounds, labels)
    except OptionError as error:
        raise MetadataError([Problem(where, str(error))], "domain") from None


def _described(rank: int | None, bounds: Mapping[str, list[Bound] | None], labels: list[str] | None) -> _Parts:
    """Return lower bounds, upper bounds and labels of which only some are given."""
    count = _common_rank({"rank": rank, **bounds, "labels": labels})
    named = [name for name in _UPPER if bounds[name] is not None]
    if len(named) > 1:
        raise OptionError(f"{' and '.join(named)} both say where the domain ends: give one of them")
    lower, upper = bounds["inclusive_min"], [NO_UPPER] * count
    if lower is None:
        lower = [Bound(0)] * count if named == ["shape"] else [NO_LOWER] * count
    for name in named:
        upper = [_end(name, lo, value) for lo, value in zip(lower, bounds[name] or (), strict=True)]
    for lo, hi in zip(lower, upper, strict=True):
        if not (-INFINITE <= lo.at < INFINITE and max(lo.at, -INFINITE + 2) <= hi.at <= INFINITE + 1):
            raise OptionError(f"the indices from {lo} to below {hi} are no range below 2**62 in magnitude")
    names = labels or [""] * count
    if len(set(filter(None, names))) < sum(map(bool, names)):
        raise OptionError(f"labels of different dimensions differ, found {names}")
    return lower, upper, names


def _end(name: str, lower: Bound, value: Bound) -> Bound:
    """Return the exclusive upper bound that a member says."""
    before = {"exclusive_max": 0, "inclusive_max": 1, "shape": 0 if value.unbounded else lower.at}
    return Bound(value.at + before[name], value.implicit)


def _common_rank(given: Mapping[str, int | list[Any] | None]) -> int:
    """Return the one number of dimensions that all members have."""
    ranks = {
        name: value if isinstance(value, int) else len(value) for name, value in given.items() if value is not None
    }
    if not ranks:
        raise OptionError("a domain needs its rank, its shape, its bounds or its labels")
    if len(set(ranks.values())) > 1 or not 0 <= max(ranks.values()) <= MAX_RANK:
        listed = ", ".join(f"{name} says {rank}" for name, rank in ranks.items())
        raise OptionError(f"expected one number of dimensions from 0 to {MAX_RANK}, but {listed}")
    return max(ranks.values())


def _labels(value: Any) -> list[str]:
    if isinstance(value, (list, tuple)) and all(isinstance(label, str) for label in value):
        return list(value)
    raise OptionError(f"expected a list of strings, found {found(value)}")
