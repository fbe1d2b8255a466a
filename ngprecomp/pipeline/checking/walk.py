"""How a check is run, and the walk over chunks that its parts share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.errors import NgprecompError, OptionError
from ngprecomp.pipeline.checking.findings import Findings, Kind
from ngprecomp.pipeline.engine.submitting import run_tasks
from ngprecomp.pipeline.progress import Progress, ignore_progress
from ngprecomp.storage.protocol import exists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple
    from ngprecomp.pipeline.checking.repairing import Repair
    from ngprecomp.pipeline.engine.task_pools import TaskPool
    from ngprecomp.storage.protocol import Store
    from ngprecomp.volume.resources import Resources

T = TypeVar("T")
R = TypeVar("R")

DAMAGED = Kind("error", "write it anew from the source")
BATCH_BYTES = 64 << 20  # of raw voxels that one task looks at
COPIES = 4  # of a chunk: as it is stored, inflated, decoded, and what the decoder holds


@dataclass(slots=True)
class Tally:
    """How much is finished, and who is told."""

    progress: Progress = ignore_progress
    total: int = 0
    done: int = 0

    def add(self, voxels: int) -> None:
        """Note that so many more voxels are finished."""
        self.done += voxels
        self.progress(self.done, self.total)


@dataclass(frozen=True, slots=True)
class Checking:
    """A check that is running: its threads, the bytes that it may hold, and what it has found so far.

    `repairs` are the things that a repair could do about it. Where there are `tasks`, chunks are looked at there, by
    so many threads and with so much memory in each task.
    """

    threads: Resources
    memory: int
    full: bool
    tally: Tally = field(default_factory=Tally)
    findings: Findings = field(default_factory=Findings)
    repairs: list[Repair] = field(default_factory=list)
    tasks: TaskPool | None = None

    def map_chunks(self, place: Place, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield results in order; as many chunks of a scale are in flight as threads can use and memory holds.

        Raises
        ------
        OptionError
            The memory does not hold one chunk.
        """
        chunk = math.prod(map(min, place.scale.chunk_size, place.scale.size))
        need = COPIES * chunk * place.dtype.itemsize * place.num_channels
        if need > self.memory:
            raise OptionError(
                f"memory of {self.memory} bytes is too little: chunks of {place.scale.chunk_size} voxels need {need}"
            )
        window = min(self.memory // max(1, need), 4 * self.threads.threads)
        if self.tasks is not None:
            batch = max(1, BATCH_BYTES * COPIES // max(1, need))
            yield from _mapped_elsewhere(partial(_map_batch, function, self.threads, window), items, batch, self.tasks)
            return
        pool = self.threads.pool if window > 1 and self.threads.threads > 1 else None
        yield from map_in_order(function, items, pool, window)


@dataclass(frozen=True, slots=True)
class _Batch(Generic[T]):
    """Chunks that are looked at by one task."""

    number: int
    items: tuple[T, ...]

    def __str__(self) -> str:
        return f"chunks {self.items[0]} to {self.items[-1]}"


def _mapped_elsewhere(
    function: Callable[[_Batch[T]], list[R]], items: Iterable[T], count: int, pool: TaskPool
) -> Iterator[R]:
    """Yield the results of batches of `count` items in order, whichever is finished first."""
    listed = iter(items)
    batches = (_Batch(number, batch) for number, batch in enumerate(iter(lambda: tuple(islice(listed, count)), ())))
    waiting: dict[int, list[R]] = {}
    due = 0
    for batch, results in run_tasks(function, batches, pool):
        waiting[batch.number] = results
        while due in waiting:
            yield from waiting.pop(due)
            due += 1


def _map_batch(function: Callable[[T], R], threads: Resources, window: int, batch: _Batch[T]) -> list[R]:
    return list(map_in_order(function, batch.items, threads.pool, window))


def reason(error: Exception, place: Place, position: Triple | None = None) -> str:
    """Return what an error says, without the chunk that a finding names anyway."""
    if isinstance(error, OSError) and not isinstance(error, NgprecompError):
        return f"{error.strerror or error}"
    text = str(error)
    return text if position is None else text.removeprefix(f"{place.describe(position)}: ")


def there(store: Store, key: str) -> bool:
    """Whether something lies under a key, readable or not."""
    try:
        return exists(store, key)
    except OSError:
        return True
