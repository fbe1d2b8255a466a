"""One line of the table: our figure beside that of one peer, what it must be, and the limit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from benchmarks.measure import Cost

BEST = ""  # the peer of a goal that no peer is named for: the fastest one
OURS = "ours"


@dataclass(frozen=True, slots=True)
class Goal:
    """What a ratio must be, and what would be excellent.

    The ratio says how many times as fast as `against` we are; with ``at_most`` it is our figure over theirs.
    """

    must: float | None = None
    stretch: float | None = None
    against: str = BEST
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """What bounds a job, by the name of its side, and the fraction of it to compare with."""

    name: str
    goal: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A job, our figure and one peer's. Memory is in bytes above the imports of each process."""

    job: str
    unit: str
    ours: float
    peer: str = ""
    theirs: float | None = None
    ratio: float | None = None
    cpu_ratio: float | None = None
    must: float | None = None
    stretch: float | None = None
    at_most: bool = False
    limit: str = ""
    of_limit: float | None = None
    limit_goal: float | None = None
    memory: int | None = None
    peer_memory: int | None = None
    memory_must: float | None = None

    @property
    def verdict(self) -> str:
        """Return ``"stretch"``, ``"met"``, ``"below"``, ``"memory"`` if only that is too large, or nothing."""
        if self.ratio is None or (self.must is None and self.stretch is None):
            return ""
        if self.must is not None and not self._meets(self.must):
            return "below"
        if self.memory_must and self.memory and self.peer_memory and self.memory > self.memory_must * self.peer_memory:
            return "memory"
        if self.stretch is not None and self._meets(self.stretch):
            return "stretch"
        return "met" if self.must is not None else ""

    def _meets(self, goal: float) -> bool:
        ratio = self.ratio or 0.0
        return ratio <= goal if self.at_most else ratio >= goal


def compare(
    job: str,
    costs: Mapping[str, Cost],
    goals: Iterable[Goal] = (Goal(),),
    *,
    unit: str,
    amount: float = 1,
    limit: Limit | None = None,
    memory: Mapping[str, int | None] | None = None,
    memory_must: float | None = None,
) -> list[Row]:
    """Return a row for each goal whose peer was measured, or one without a peer.

    Parameters
    ----------
    costs
        The side ``"ours"``, the limit's and those of the peers.
    unit, amount
        ``"MB/s"`` of `amount` bytes; ``"ns"``, ``"ms"`` or ``"s"`` for each of `amount` things.
    memory, memory_must
        Peak bytes of the sides, and our largest share of the peer's.
    """
    ours, memory = costs[OURS], memory or {}
    peers = {name: cost for name, cost in costs.items() if name != OURS and not (limit and name == limit.name)}
    alone = Row(job, unit, in_unit(ours.wall, unit, amount), memory=memory.get(OURS))
    if limit:
        alone = replace(alone, limit=limit.name, of_limit=costs[limit.name].wall / ours.wall, limit_goal=limit.goal)
    rows = []
    for goal in goals:
        name = goal.against or min(peers, key=lambda name: peers[name].wall, default="")
        if name not in peers:
            continue
        theirs = peers[name]
        ratios = (theirs.wall / ours.wall, theirs.cpu / ours.cpu)
        wall, cpu = (1 / ratio for ratio in ratios) if goal.at_most else ratios
        rows.append(
            replace(
                alone, peer=name, theirs=in_unit(theirs.wall, unit, amount), ratio=wall, cpu_ratio=cpu, must=goal.must,
                stretch=goal.stretch, at_most=goal.at_most, peer_memory=memory.get(name), memory_must=memory_must,
            )
        )  # fmt: skip
    return rows or [alone]


def in_unit(seconds: float, unit: str, amount: float) -> float:
    """Return seconds for `amount` bytes or things in the unit of the table."""
    if unit == "MB/s":
        return amount / seconds / 1e6
    return seconds / amount * {"ns": 1e9, "ms": 1e3, "s": 1.0}[unit]
