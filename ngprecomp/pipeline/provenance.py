"""The ``provenance`` file in CloudVolume's form: what made a volume, from what, and how."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import KeyNotFoundError
from ngprecomp.version import __version__
from ngprecomp.volume.places import PROVENANCE_KEY

if TYPE_CHECKING:
    from ngprecomp.storage.protocol import Store

EMPTY = {"description": "", "owners": [], "processing": [], "sources": []}


def add_provenance(store: Store, sources: list[str], method: dict[str, Any]) -> None:
    """Append a step to the provenance of a volume; what is there stays."""
    with store.lock(PROVENANCE_KEY):
        try:
            document = {**EMPTY, **json.loads(store.get(PROVENANCE_KEY).data)}
        except (KeyNotFoundError, ValueError, TypeError):
            document = dict(EMPTY)
        date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
        step = {"by": f"ngprecomp {__version__}", "date": date, "method": method}
        document["processing"] = [*_listed(document["processing"]), step]
        known = _listed(document["sources"])
        new = [source for source in dict.fromkeys(sources) if source not in known]
        document["sources"] = [*known, *new]  # CloudVolume refuses twins
        store.put(PROVENANCE_KEY, json.dumps(document, indent=2).encode())


def last_step(store: Store) -> tuple[list[Any], Any]:
    """Return the sources of a volume and how its last step was done, as far as its provenance tells."""
    try:
        document = {**EMPTY, **json.loads(store.get(PROVENANCE_KEY).data)}
        steps = _listed(document["processing"])
        return _listed(document["sources"]), steps[-1]["method"] if steps else None
    except (KeyNotFoundError, ValueError, TypeError, KeyError):
        return [], None


def _listed(value: Any) -> list[Any]:
    """Return a member as the list that it should be, whatever another program has written."""
    return value if isinstance(value, list) else [value] if value else []
