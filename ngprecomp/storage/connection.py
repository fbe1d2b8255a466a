"""A client of an object store, made when it is first needed and anew in each process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ngprecomp.errors import OptionError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ngprecomp.storage.object_client import ObjectClient


class Connection:
    """Calls `connect`, a function that pickles, for the client of this process; the client is not pickled."""

    def __init__(self, url: str, connect: Callable[[], ObjectClient]) -> None:
        self._url = url
        self._connect = connect
        self._made: tuple[int, ObjectClient] | None = None

    @property
    def client(self) -> ObjectClient:
        """The client.

        Raises
        ------
        OptionError
            The extra is not installed.
        StorageError
            This process was forked from one that has used object stores.
        """
        made = self._made
        if made is None or made[0] != os.getpid():
            require_obstore(self._url)
            made = self._made = os.getpid(), self._connect()  # a second thread may make one more, which does no harm
        return made[1]

    def __reduce__(self) -> tuple[type[Connection], tuple[str, Callable[[], ObjectClient]]]:
        return Connection, (self._url, self._connect)


def require_obstore(url: str) -> None:
    """Import the client's library, or say why it cannot be used.

    Its threads do not survive a fork: a call in the child would wait for them for ever.
    """
    try:
        from ngprecomp.storage.object_client import PROCESS
    except ImportError as error:
        raise OptionError(f"{url} needs obstore: python -m pip install 'ngprecomp[cloud]'") from error
    if os.getpid() != PROCESS:
        raise StorageError(
            f"{url} cannot be reached from process {os.getpid()}: it was forked from process {PROCESS}, which had "
            "reached object stores before; start processes by 'forkserver' or 'spawn'"
        )
