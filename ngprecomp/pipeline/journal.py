"""The journal of an unfinished job, in its destination: what was asked, how it was cut up, and what is finished.

``ngprecomp-journal.json`` holds the command and the plan. Each finished part has an entry of its own under
``ngprecomp-journal/``, put durably when everything that the part wrote is published. What a part is, and what its
entry says, is the job's own affair.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

from ngprecomp.chunks.checksums import remove_checksums, sweep_checksums
from ngprecomp.chunks.listing import has_chunks
from ngprecomp.errors import ExistsError, KeyNotFoundError, StorageError
from ngprecomp.format.info import Info, info_to_json, parse_info
from ngprecomp.pipeline.command import Command, command_to_json, differences, parse_command
from ngprecomp.volume.places import INFO_KEY, JOURNAL_FOLDER, JOURNAL_KEY, PROVENANCE_KEY
from ngprecomp.volume.removal import removable_places, remove_chunks, remove_journal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.storage.protocol import Store

Document = dict[str, Any]
CONTINUES = "what is finished stays in {url}: the same command continues"
BEGINS_ANEW = (
    "what was written stays in {url}: the same call begins anew, because nothing tells whether its array changed"
)


def open_journal(store: Store, command: Command, old: Info | None, *, resume: bool, overwrite: bool) -> Journal:
    """Return the journal of a job that is about to begin or to go on; nothing is written yet.

    Parameters
    ----------
    old
        The volume that is at the destination.
    resume
        Go on where an unfinished job of the same command has stopped, instead of beginning anew.
    overwrite
        Replace what is there, finished or not.

    Raises
    ------
    ExistsError
        A volume, or an unfinished one of another command, is at the destination and `overwrite` is not asked for.
    """
    found = read_journal(store)
    before = None if found is None else parse_command(found)
    same = before == command
    # Metadata are written last: a volume beside the journal is the job's own, and only the tidying up is missing.
    own = old is None or info_to_json(old) == command.info
    if found is not None and same and own and resume and command.fingerprint is not None and "plans" in found:
        return Journal(store, command, found, None)
    if not overwrite:
        if old is not None:
            raise ExistsError(f"a volume exists at {store.url}; overwrite replaces it")
        if before is not None and not same:
            raise ExistsError(
                f"{store.url} holds an unfinished volume of another command: {before}; this is {command}; they differ "
                f"in {', '.join(differences(before, command))}; finish that one, or overwrite it"
            )
    return Journal(store, command, found, old, begins=True)


def unfinished_scales(store: Store, job: str) -> frozenset[str]:
    """Return the keys of the scales that an unfinished job of this name was to write; none where there is none."""
    found = read_journal(store)
    command = None if found is None else parse_command(found)
    if command is None or command.job != job:
        return frozenset()
    return frozenset(str(scale.get("key")) for scale in parse_info(command.info).scales)


class Journal:
    """What a job has finished, as a context: where it fails, the journal stays if anything was written.

    A job has one or more stages, each with a plan of its own that says how it was cut into parts.
    """

    def __init__(
        self, store: Store, command: Command, found: Document | None, old: Info | None, *, begins: bool = False
    ) -> None:
        self._store = store
        self._command = command
        self._found = found
        self._old = old
        self._held = ExitStack()
        self._begun = False
        self._plans: dict[str, Any] = {} if begins or found is None else found["plans"]

    @property
    def _info(self) -> Info:
        return parse_info(self._command.info)

    def plan(self, stage: int) -> Any:
        """Return how an earlier process has cut a stage into parts, None if none has come to it."""
        return self._plans.get(str(stage))

    def begin(self, stage: int, plan: Any) -> Any:
        """Note the plan of a stage, JSON; the first of a new job clears what is in the way, the first write.

        Return the plan that holds: the same, unless another process has noted one.

        Raises
        ------
        ExistsError
            Another process writes there.
        """
        if not self._begun:
            self._hold()
            self._tidy()
            self._begun = True
        if self.plan(stage) != plan:
            self._plans[str(stage)] = plan
            self._put({"plans": self._plans})
        return plan

    def entries(self, stage: int) -> dict[str, Document]:
        """Return the entries of the finished parts of a stage by the names of the parts."""
        start = f"{JOURNAL_FOLDER}/{stage}-"
        listed = self._store.list(start) if self.plan(stage) is not None else ()
        return {key.removeprefix(start): json.loads(self._store.get(key).data) for key in listed}

    def record(self, stage: int, part: str, entry: Document) -> None:
        """Note that everything of a part is published."""
        self._store.put(f"{JOURNAL_FOLDER}/{stage}-{part}", json.dumps(entry).encode(), durable=True)

    def forget(self, stage: int, part: str) -> None:
        """Remove the entry of a part that is not finished after all: who shares the journal shall not wait for it."""
        self._store.delete([f"{JOURNAL_FOLDER}/{stage}-{part}"])

    @contextmanager
    def ending(self) -> Iterator[bool]:
        """Yield whether it is up to this process to end the job."""
        yield True

    def end(self) -> None:
        """Note that the job is finished."""
        for folder in ("", *(place.folder for place in removable_places(self._store, self._info))):
            self._store.sweep(folder)  # workers may have died, and others may have made what was theirs
        remove_journal(self._store)
        self._begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with self._held:
            if error is None or not self._begun:
                return
            if any(has_chunks(place) for place in removable_places(self._store, self._info)):
                note = CONTINUES if self._command.fingerprint is not None else BEGINS_ANEW
                error.add_note(note.format(url=self._store.url))
                return
            remove_journal(self._store)
        self._store.sweep("")

    def _hold(self) -> None:
        try:
            self._held.enter_context(self._store.lock(JOURNAL_KEY, timeout=0))
        except StorageError as error:
            raise ExistsError(f"no job can begin at {self._store.url} at this moment: {error}") from error
        if read_journal(self._store) != self._found:
            raise ExistsError(f"another process has begun or finished a job at {self._store.url} just now")

    def _tidy(self) -> None:
        """Remove what dead processes have left here, or for a new job all that is in its way."""
        places = removable_places(self._store, self._info)
        for place in places:
            self._store.sweep(place.folder)
            sweep_checksums(place)
        if self._plans:
            return
        for place in places:
            remove_checksums(place)
        infos = [*([] if self._old is None else [self._old]), *_unfinished(self._found)]
        if any(has_chunks(place) for place in places):  # of a scale that is made anew
            infos.append(self._info)
        if infos:
            stale = [place for info in infos for place in removable_places(self._store, info)]
            self._put({"clearing": [info_to_json(info) for info in infos]})
            if self._old is not None:
                self._store.delete([INFO_KEY, PROVENANCE_KEY])
            remove_chunks(stale)
        self._store.delete(self._store.list(f"{JOURNAL_FOLDER}/"))

    def _put(self, members: Document) -> None:
        document = {**command_to_json(self._command), **members}
        self._store.put(JOURNAL_KEY, json.dumps(document, indent=1).encode(), durable=True)
        self._begun = True


def read_journal(store: Store) -> Document | None:
    """Return the document of the journal in a store, None where there is none."""
    try:
        document = json.loads(store.get(JOURNAL_KEY).data)
    except KeyNotFoundError:
        return None
    except ValueError:  # nothing that we have written: then it names no volume
        return {}
    return document if isinstance(document, dict) else {}


def _unfinished(found: Document | None) -> list[Info]:
    """Return the volumes of which an unfinished job may have left files."""
    documents = (*found.get("clearing", ()), found.get("info")) if found else ()
    return [parse_info(document) for document in documents if document]
