"""A journal that several processes share, each with a part of the same command."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import ExistsError
from ngprecomp.pipeline.command import parse_command
from ngprecomp.pipeline.journal import CONTINUES, Journal, open_journal, read_journal
from ngprecomp.storage.protocol import exists
from ngprecomp.volume.places import JOURNAL_FOLDER, JOURNAL_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.format.info import Info
    from ngprecomp.pipeline.command import Command
    from ngprecomp.pipeline.journal import Document
    from ngprecomp.storage.protocol import Store


WAIT = 600.0  # seconds for whoever is first to clear the way, which may be a large volume


def share_journal(store: Store, command: Command, old: Info | None) -> SharedJournal:
    """Return the journal of a job that this process does a part of; nothing is written yet.

    Raises
    ------
    ExistsError
        A volume, or an unfinished one of another command, is at the destination.
    """
    open_journal(store, command, old, resume=True, overwrite=False)
    return SharedJournal(store, command, read_journal(store), None, begins=True)


class SharedJournal(Journal):
    """A journal that is locked only while it is begun or ended; whoever comes first begins it."""

    def begin(self, stage: int, plan: Any) -> Any:
        """Note the plan of a stage unless another process has, and return the one that holds.

        Raises
        ------
        ExistsError
            Another job is being done there.
        """
        with self._store.lock(JOURNAL_KEY, timeout=WAIT):
            found = read_journal(self._store)
            if found is None and self._begun:  # another process has ended the job
                return plan
            self._join(found)
            self._begun = True
            if self.plan(stage) is None:
                self._plans[str(stage)] = plan
                self._put({"plans": self._plans})
        return self.plan(stage)

    def recorded(self, stage: int) -> set[str] | None:
        """Return the names of the finished parts of a stage; None if another process has ended the job."""
        start = f"{JOURNAL_FOLDER}/{stage}-"
        names = {key.removeprefix(start) for key in self._store.list(start)}
        return names if exists(self._store, JOURNAL_KEY) else None

    def record(self, stage: int, part: str, entry: Document) -> None:
        """Note that everything of a part is published; after the end of the job nothing is noted."""
        super().record(stage, part, entry)
        if not exists(self._store, JOURNAL_KEY):
            self.forget(stage, part)

    @contextmanager
    def ending(self) -> Iterator[bool]:
        """Yield whether it is up to this process to end the job; meanwhile no other one does."""
        with self._store.lock(JOURNAL_KEY, timeout=WAIT):
            yield exists(self._store, JOURNAL_KEY)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None and self._begun:
            error.add_note(CONTINUES.format(url=self._store.url))

    def _join(self, found: Document | None) -> None:
        """Take over the plans of another process, if there are any, and clear what is in the way."""
        if found is not None and parse_command(found) != self._command:
            raise ExistsError(f"another job has begun at {self._store.url} just now: {parse_command(found)}")
        self._found = found
        self._plans = {} if found is None else found.get("plans", {})
        if not self._begun:
            self._tidy()
