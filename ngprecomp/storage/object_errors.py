"""What goes wrong between us and a server, as sentences that name the object."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from ngprecomp.errors import KeyNotFoundError, NgprecompError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
_PASSED_ON = (NgprecompError, AlreadyExistsError, NotSupportedError, PreconditionError)


@contextmanager
def naming(where: str, *, forbidden_is_missing: bool = False) -> Iterator[None]:
    """Turn errors of obstore into ours; those of conditions and ranges are left to the caller.

    Raises
    ------
    KeyNotFoundError
        The object is absent; never where the server refuses to say so, unless `forbidden_is_missing`.
    StorageError
        Anything else, such as a bucket that is absent.
    """
    try:
        yield
    except _PASSED_ON:
        raise
    except FileNotFoundError as error:
        if _names_no_bucket(error):
            raise StorageError(f"{where}: there is no such bucket") from error
        raise KeyNotFoundError(f"{where} does not exist") from error
    except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
        if forbidden_is_missing:
            raise KeyNotFoundError(f"{where} does not exist, or may not be read") from error
        raise StorageError(
            f"{where}: the server refuses access, check the credentials: {_first_line(error)}"
        ) from error
    except (BaseError, ValueError, OSError) as error:
        reason = "there is no such bucket" if _names_no_bucket(error) else _first_line(error)
        raise StorageError(f"{where}: {reason}") from error


def _names_no_bucket(error: BaseException) -> bool:
    return any(sign in str(error) for sign in _NO_BUCKET)


def _first_line(error: BaseException) -> str:
    """Return what obstore says before it shows its inner state."""
    return (str(error).splitlines() or [""])[0]
