"""What a check may put right when it is asked to: nothing that changes a voxel of the first scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngprecomp.errors import NgprecompError
from ngprecomp.format.names import join
from ngprecomp.pipeline.engine.rounds import windows
from ngprecomp.pipeline.provenance import add_provenance
from ngprecomp.pipeline.pyramid import build_pyramid
from ngprecomp.pipeline.pyramids.rebuilding import rebuild_box
from ngprecomp.pipeline.report import counted
from ngprecomp.storage.file_lock import file_lock
from ngprecomp.volume.documents import read_info
from ngprecomp.volume.places import refuse_shared_folders

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple
    from ngprecomp.pipeline.engine.making import Running
    from ngprecomp.storage.protocol import Store


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A temporary file in a folder of the volume whose process died on this machine."""

    store: Store
    folder: str
    name: str

    def repair(self, _: Running) -> str:
        """Remove it, and others like it in the folder."""
        self.store.sweep(self.folder)
        return f"removed {join(self.folder, self.name)}, left unfinished by a process that died"


@dataclass(frozen=True, slots=True)
class DeadLock:
    """The file of a lock that nobody holds."""

    path: str

    def repair(self, _: Running) -> str:
        """Take the lock, which removes its file in the end; who has been quicker keeps it."""
        with file_lock(self.path, self.path, timeout=0):
            pass
        return f"removed {self.path}, a lock that nobody held"


@dataclass(frozen=True, slots=True)
class Orphans:
    """Files that meant something to one that is gone."""

    store: Store
    keys: tuple[str, ...]
    what: str

    def repair(self, _: Running) -> str:
        """Remove them."""
        self.store.delete(self.keys)
        return f"removed {self.what}"


@dataclass(frozen=True, slots=True)
class Twin:
    """A chunk that is stored under several names, of which `read` is the one that is read."""

    store: Store
    read: str
    others: tuple[str, ...]

    def repair(self, _: Running) -> str:
        """Remove those that are not read."""
        self.store.delete(self.others)
        return f"removed {', '.join(self.others)}: {self.read} is what is read"


@dataclass(frozen=True, slots=True)
class MissingChunks:
    """Chunks of a coarser scale that are absent, and how they are made from a finer one."""

    fine: Place
    place: Place
    factor: Triple
    method: str
    positions: tuple[Triple, ...]

    def repair(self, running: Running) -> str:
        """Make them."""
        refuse_shared_folders(self.place.store, read_info(self.place.store))
        for position in self.positions:
            window = windows(self.place.grid.cell(position), self.factor).intersection(self.fine.scale.box)
            rebuild_box([self.fine, self.place], window, self.method, "zero", running)
        step = {"task": "check", "method": self.method, "repaired": self._what}
        add_provenance(self.place.store, [], step)
        return self._what

    @property
    def _what(self) -> str:
        chunks = counted(len(self.positions), "absent chunk")
        return f"made {chunks} of scale {self.place.scale.key} from scale {self.fine.scale.key} by {self.method}"


@dataclass(frozen=True, slots=True)
class EmptyScales:
    """Coarser scales without any chunk, `place` the first of them, and how the others were made."""

    place: Place
    keys: tuple[str, ...]
    method: str
    exact: bool

    def repair(self, running: Running) -> str:
        """Make them."""
        build_pyramid(
            self.place.store.url,
            method=self.method,
            exact=self.exact,
            memory=running.memory,
            workers=running.workers,
        )
        scales = "scale" if len(self.keys) == 1 else "scales"
        return f"made the empty {scales} {', '.join(self.keys)} by {self.method}"


Repair = Abandoned | DeadLock | Orphans | Twin | MissingChunks | EmptyScales


def repair_all(repairs: Iterable[Repair], running: Running) -> tuple[str, ...]:
    """Attempt each repair and return what was done; stores change nothing outside of the volume's folder."""
    return tuple(_attempted(repair, running) for repair in repairs)


def _attempted(repair: Repair, running: Running) -> str:
    try:
        return repair.repair(running)
    except (NgprecompError, OSError) as error:
        return f"nothing, because of this: {error}"
