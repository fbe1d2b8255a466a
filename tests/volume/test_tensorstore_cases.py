"""The 396 outcomes of TensorStore once more, through `ng.open` on a store; the pure answers are in tests/format."""

from __future__ import annotations

import json
import uuid

import pytest

import ngprecomp as ng
from ngprecomp.errors import KeyNotFoundError
from ngprecomp.storage.memory import MemoryStore
from tests.format.test_tensorstore_cases import CASES, TAKEN, expected, selected


def opened(name):
    """Open as the case says, in a store of its own; return the volume and the store."""
    case = CASES[name]
    store = MemoryStore(f"cases/{uuid.uuid4().hex}")
    before = case["existing_info"]
    if before is not None:
        store.put("info", (before if isinstance(before, str) else json.dumps(before)).encode())
    document = {"driver": "neuroglancer_precomputed", **case["spec"], "kvstore": f"{store.url}/"}
    return store, lambda: ng.open(document, **case["mode"], **case["kwargs"])


@pytest.mark.parametrize("name", selected(ok=True))
def test_what_is_opened_or_created(name):
    wanted = expected(CASES[name])
    volume = opened(name)[1]()
    store = volume.place.store
    assert volume.schema.to_json() == wanted["schema"]
    assert {**volume.spec(), "kvstore": None} == {**wanted["spec"], "kvstore": None}
    assert volume.domain.to_json() == wanted["schema"]["domain"]
    assert volume.chunk_layout.to_json() == wanted["schema"]["chunk_layout"]
    assert volume.codec.to_json() == wanted["schema"]["codec"]
    if CASES[name]["mode"].get("assume_metadata") or CASES[name]["mode"].get("assume_cached_metadata"):
        with pytest.raises(KeyNotFoundError):
            store.get("info")
    elif CASES[name]["mode"].get("create") and "opens" not in name:
        assert volume.info == wanted["metadata"]
        assert store.get("info").data.decode() == wanted["metadata_text"]
    assert ng.open(volume.spec()).schema == volume.schema or "assume" in name


@pytest.mark.parametrize("name", selected(ok=False))
def test_what_is_refused_changes_nothing(name):
    store, open_it = opened(name)
    before = {key: store.get(key).data for key in store.list()}
    with pytest.raises(ValueError, match=r"\S"):
        open_it()
    assert {key: store.get(key).data for key in store.list()} == before


@pytest.mark.parametrize("name", TAKEN)
def test_what_we_take_more(name):
    opened(name)[1]()
