"""Every exception of the package; each is also the built-in one that a caller would expect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class NgprecompError(Exception):
    """Anything that ngprecomp refuses; its text is one sentence for a person."""

    def __str__(self) -> str:
        """Return the sentence itself: KeyError would print its representation."""
        return str(self.args[0]) if self.args else ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a document: the path of the value (``scales[0].size``) and what is expected there."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class FormatError(NgprecompError, ValueError):
    """Stored data contradict the precomputed format."""


class MetadataError(FormatError):
    """An ``info`` document or a part of it is invalid; ``problems`` lists everything found."""

    def __init__(self, problems: Iterable[Problem], what: str = "info") -> None:
        self.problems = tuple(problems)
        listed = "; ".join(str(problem) for problem in self.problems)
        super().__init__(f"invalid {what}: {listed}")


class DecodeError(FormatError):
    """The bytes of a chunk, an index or a compressed stream do not decode."""


class EncodeError(NgprecompError, ValueError):
    """Voxels cannot be stored in the asked encoding."""


class OptionError(NgprecompError, ValueError):
    """An argument or option is invalid or contradicts another one."""


class ConstraintError(NgprecompError, ValueError):
    """What exists differs from what the caller asked for."""


class KeyNotFoundError(NgprecompError, KeyError):
    """A store holds nothing under a key."""


class MissingChunkError(NgprecompError, KeyError):
    """A chunk is absent and the caller asked for ``missing="error"``."""


class NotFoundError(NgprecompError, FileNotFoundError, ValueError):
    """A volume, a scale, a source file or a dataset does not exist."""


class ExistsError(NgprecompError, FileExistsError, ValueError):
    """Something is already there and must not be replaced unasked."""


class StorageError(NgprecompError, OSError):
    """A store could not do what was asked: not a regular file, a short range, a lost race."""


class ChangedError(StorageError):
    """An object is no longer the version that the caller has seen."""


class UnlistableError(StorageError):
    """A store cannot tell what it holds."""


class OutOfBoundsError(NgprecompError, IndexError):
    """A selection leaves the domain of the volume."""


class SourceError(NgprecompError, ValueError):
    """A source file or array is damaged, ambiguous or of a kind that cannot be converted."""


class FailedTasksError(NgprecompError, RuntimeError):
    """Some tasks of a job failed where others went on; those are done."""
