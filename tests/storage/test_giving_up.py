"""Who waits for a lock stops waiting when it is told to."""

from __future__ import annotations

import threading
import time

import pytest

from ngprecomp.errors import StorageError
from ngprecomp.storage.locate import open_store


@pytest.mark.parametrize("url", ["{}", "memory://giving-up/{}", "{}/v.zip"])
def test_a_lock_that_is_not_waited_for_any_more(url, tmp_path):
    store = open_store(url.format(tmp_path).replace("up//", "up/"))
    stop = threading.Event()
    timer = threading.Timer(0.2, stop.set)
    with store.lock("k"):
        timer.start()
        began = time.monotonic()
        with pytest.raises(StorageError, match="is locked by another thread"), store.lock("k", stop=stop):
            pass
        assert 0.1 < time.monotonic() - began < 2
    with store.lock("k", stop=stop):
        pass  # nobody is in the way
