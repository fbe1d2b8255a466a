"""What a volume owns while it is used: a thread pool and a cache. Neither is pickled or survives a fork."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from ngprecomp.chunks.cache import LruCache
from ngprecomp.volume.budget import core_count

DEFAULT_CACHE_BYTES = 64 << 20
REMOTE_THREADS = 64  # at 30 ms a request 1 thread gets 32 a second, 16 get 498, 64 get 1821


class Resources:
    """Threads (0: one per core) and a cache of at most `cache_bytes`, both made when they are first needed."""

    def __init__(self, threads: int = 0, cache_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self._threads = threads
        self._cache_bytes = cache_bytes
        self._lock = threading.Lock()
        self._made: tuple[int, ThreadPoolExecutor, LruCache] | None = None

    @property
    def threads(self) -> int:
        """The number of threads of the pool."""
        return self._threads or core_count()

    def with_threads(self, threads: int) -> Resources:
        """Return resources of other threads, with a cache of their own of the same size."""
        return Resources(threads, self._cache_bytes)

    @property
    def cache_bytes(self) -> int:
        """The most that the cache holds."""
        return self._cache_bytes

    @property
    def pool(self) -> ThreadPoolExecutor:
        """The pool of this process."""
        return self._of_this_process()[1]

    @property
    def cache(self) -> LruCache:
        """The cache of this process."""
        return self._of_this_process()[2]

    def _of_this_process(self) -> tuple[int, ThreadPoolExecutor, LruCache]:
        made = self._made
        if made is None or made[0] != os.getpid():
            with self._lock:
                if self._made is None or self._made[0] != os.getpid():
                    pool = ThreadPoolExecutor(self.threads, thread_name_prefix="ngprecomp")
                    self._made = os.getpid(), pool, LruCache(self._cache_bytes)
                made = self._made
        return made

    def close(self) -> None:
        """Wait for the threads and let pool and cache go; they are made again when they are needed."""
        made, self._made = self._made, None
        if made is not None and made[0] == os.getpid():
            made[1].shutdown(cancel_futures=True)

    def __reduce__(self) -> tuple[type[Resources], tuple[int, int]]:
        return Resources, (self._threads, self._cache_bytes)
