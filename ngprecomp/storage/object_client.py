"""Objects through obstore: whole ones, ranges, conditions, listings. Imported when the first bucket is reached."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, NotSupportedError, PreconditionError

from ngprecomp.errors import ChangedError, ExistsError, KeyNotFoundError, StorageError
from ngprecomp.storage.cloud import PAGE, PART_BYTES
from ngprecomp.storage.object_errors import naming
from ngprecomp.storage.protocol import Stat, Stored
from ngprecomp.storage.ranges import join_ranges, require_inside, require_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ngprecomp.storage.protocol import Buffer, Parts
    from ngprecomp.storage.ranges import Run

PROCESS = os.getpid()
"""The process in which obstore's threads run."""

# At 30 ms a request and 100 MB/s, 1 MiB that nobody wants costs less than a second request.
GAP = 1 << 20
LONGEST_RUN = 16 << 20
RUNS_AT_ONCE = 16
PARTS_AT_ONCE = 3  # with 4 the upload of 1 GiB took 97 MiB of memory
LARGEST_WHOLE = 64 << 20  # what is read where a server answers a range with the whole object


@dataclass(frozen=True, slots=True)
class ObjectClient:
    """The objects of a bucket or server by their paths, without a leading slash; `root` begins their names in messages.

    Versions are entity tags, after a line break followed by the generation where the store counts those. With
    `forbidden_is_missing`, an S3 that does not let us list tells 403 for what is absent.
    """

    root: str
    store: Any
    forbidden_is_missing: bool = False

    def get(self, path: str, limit: int | None) -> Stored:
        """Return a whole object, unless it has more than `limit` bytes."""
        with self._naming(path):
            found = obstore.get(self.store, path)
            size = found.meta["size"]
            require_size(size, limit, self.name(path))
            data = found.bytes().to_bytes()
        if len(data) != size:
            raise StorageError(f"{self.name(path)}: the server sent {len(data)} bytes of {size}")
        return Stored(data, _content_encoding(found.attributes), _version(found.meta))

    def stat(self, path: str) -> Stat:
        """Return the size and the version of an object."""
        with self._naming(path):
            meta = obstore.head(self.store, path)
        return Stat(meta["size"], _version(meta))

    def get_ranges(self, path: str, starts: Sequence[int], lengths: Sequence[int], if_version: str | None) -> Parts:
        """Return byte ranges of an object; what lies at most `GAP` apart comes by one request."""
        parts = [b""] * len(starts)
        runs = [run for run in join_ranges(starts, lengths, gap=GAP, limit=LONGEST_RUN) if run.end > run.start]
        if not runs or min(starts) < 0 or min(lengths) < 0:
            stat = self.stat(path)
            self._require_version(path, stat.version, if_version)
            require_inside(stat.size, starts, lengths, self.name(path))
            return parts

        def read(run: Run) -> bytes:
            return self._read(path, run, if_version)

        if len(runs) == 1:
            answers = [read(runs[0])]
        else:
            with ThreadPoolExecutor(min(len(runs), RUNS_AT_ONCE), thread_name_prefix="ngprecomp-ranges") as pool:
                answers = list(pool.map(read, runs))
        for run, data in zip(runs, answers, strict=True):
            for member in run.members:
                start = int(starts[member]) - run.start
                parts[member] = data[start : start + int(lengths[member])]
        return parts

    def put(
        self,
        path: str,
        data: Buffer,
        *,
        if_absent: bool = False,
        if_version: str | None = None,
        content_encoding: str | None = None,
    ) -> str | None:
        """Store an object whole and return its version."""
        mode: Any = "create" if if_absent else "overwrite" if if_version is None else _condition(if_version)
        attributes: Any = None
        if content_encoding is not None:  # Google would inflate what is gzip for who does not ask for it, unless told
            attributes = {"Content-Encoding": content_encoding, "Cache-Control": "no-transform"}
        view = memoryview(data)
        body = view.cast("B") if view.nbytes else b""
        try:
            with self._naming(path):
                made = obstore.put(
                    self.store,
                    path,
                    body,
                    attributes=attributes,
                    mode=mode,
                    chunk_size=PART_BYTES,
                    max_concurrency=PARTS_AT_ONCE,
                )
        except AlreadyExistsError as error:
            if if_absent:
                raise ExistsError(f"{self.name(path)} exists already") from error
            raise ChangedError(f"{self.name(path)} was written in between") from error
        except (PreconditionError, KeyNotFoundError) as error:
            raise self._changed(path, if_version) from error
        return _version(made)

    def put_file(self, path: str, file: Any) -> None:
        """Store the bytes of an open file, in parts that appear together."""
        with self._naming(path):
            obstore.put(self.store, path, file, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)

    def delete(self, paths: Sequence[str]) -> None:
        """Remove objects, many by one request where the store has such; what is absent is passed over."""
        if not paths:
            return
        with self._naming(paths[0]):
            try:
                obstore.delete(self.store, paths)
            except FileNotFoundError:  # Azure stops at the first that is absent
                for path in paths:
                    self._delete_one(path)

    def list(self, folder: str, start: str) -> Iterator[str]:
        """Yield the paths of objects in a folder and below whose name in it begins with `start`."""
        above = f"{folder}/" if folder else ""
        # Names come in the order of their bytes, from beyond any that is shorter than `start`.
        offset = above + start[:-1].rstrip(".")
        with self._naming(above + start):
            for page in obstore.list(self.store, folder or None, offset=offset or None, chunk_size=PAGE):
                for meta in page:
                    name = meta["path"][len(above) :]
                    if name.startswith(start):
                        yield meta["path"]
                    elif name.encode() > start.encode():
                        return

    def name(self, path: str) -> str:
        """Return how messages name an object."""
        return self.root + path

    def _read(self, path: str, run: Run, if_version: str | None) -> bytes:
        """Return the bytes of a run; one that leaves the object, and another version, are refused."""
        wanted = run.end - run.start
        options: Any = {"range": (run.start, run.end)}
        tag = (if_version or "").partition("\n")[0]
        if tag.startswith('"'):  # what is weak never matches, and without a tag there is nothing to compare
            options["if_match"] = tag
        try:
            with self._naming(path):
                found = obstore.get(self.store, path, options=options)
                data = found.bytes().to_bytes()
        except PreconditionError as error:
            raise self._changed(path, if_version) from error
        except NotSupportedError:
            return self._cut_from_whole(path, run, if_version)
        except StorageError as error:
            if "status code: 416" in str(error):
                require_inside(self.stat(path).size, [run.start], [wanted], self.name(path))
            raise
        self._require_version(path, _version(found.meta), if_version)
        require_inside(found.meta["size"], [run.start], [wanted], self.name(path))
        if len(data) != wanted:
            raise StorageError(f"{self.name(path)}: asked for {wanted} bytes, the server sent {len(data)}")
        return data

    def _cut_from_whole(self, path: str, run: Run, if_version: str | None) -> bytes:
        """Return a run from a server that answers every range with the whole object."""
        whole = self.get(path, LARGEST_WHOLE)
        self._require_version(path, whole.version, if_version)
        require_inside(len(whole.data), [run.start], [run.end - run.start], self.name(path))
        return whole.data[run.start : run.end]

    def _delete_one(self, path: str) -> None:
        try:
            obstore.delete(self.store, path)
        except FileNotFoundError:
            return

    def _naming(self, path: str) -> Any:
        return naming(self.name(path), forbidden_is_missing=self.forbidden_is_missing)

    def _require_version(self, path: str, found: str | None, expected: str | None) -> None:
        if expected not in (None, found):
            raise ChangedError(f"{self.name(path)} was written in between: expected version {expected}, found {found}")

    def _changed(self, path: str, expected: str | None) -> StorageError:
        try:
            found = self.stat(path).version
        except KeyNotFoundError:
            return ChangedError(f"{self.name(path)} was removed in between")
        return ChangedError(f"{self.name(path)} was written in between: expected version {expected}, found {found}")


def _version(meta: Any) -> str | None:
    """Return what tells this version of an object from another one."""
    tag, generation = meta["e_tag"], meta["version"]
    if tag is None and "last_modified" in meta:
        return f"{meta['last_modified'].timestamp()}-{meta['size']}"
    return f"{tag}\n{generation}" if generation else tag


def _condition(version: str) -> dict[str, str]:
    tag, _, generation = version.partition("\n")
    return {"e_tag": tag, "version": generation} if generation else {"e_tag": tag}


def _content_encoding(attributes: Any) -> str | None:
    """Return the compression that the store names; ``aws-chunked`` says how a body was sent once."""
    names = [name.strip() for name in (attributes.get("Content-Encoding") or "").split(",")]
    return ",".join(name for name in names if name not in ("", "identity", "aws-chunked")) or None
