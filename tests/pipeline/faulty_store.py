"""A store that fails once."""

from __future__ import annotations


class FaultyStore:
    """A store whose operation number `at` fails."""

    def __init__(self, store, at):
        self._store = store
        self._at = at
        self.count = 0

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def call(*arguments, **keywords):
            self.count += 1
            if self.count == self._at:
                raise OSError(5, "Input/output error", name)
            return found(*arguments, **keywords)

        return call
