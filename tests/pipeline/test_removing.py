"""Removing takes a volume's own files, in an order that never leaves a volume without its chunks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import ngprecomp as ng
from ngprecomp.errors import NotFoundError, OptionError
from ngprecomp.storage.local import LocalStore

if TYPE_CHECKING:
    from pathlib import Path


def files(path: Path) -> set[str]:
    return {str(one.relative_to(path)) for one in path.rglob("*") if one.is_file()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a volume of two scales, one of them sharded, with sidecars and foreign files."""
    path = tmp_path / "v"
    vol = ng.create(path, shape=(64, 64, 64), dtype="uint8", chunk_size=(32, 32, 32), type="segmentation")
    vol[...] = 3
    coarse = ng.create(
        path,
        shape=(32, 32, 32),
        dtype="uint8",
        resolution=(2, 2, 2),
        shard_size=(32, 32, 32),
        type="segmentation",
        exist="add",
    )
    coarse[...] = 3
    ng.segment_properties({"id": [3]}, vol)
    (path / "README.txt").write_text("mine")
    (path / "1_1_1" / "notes").write_text("mine")
    document = json.loads((path / "info").read_text())
    (path / "info").write_text(json.dumps({**document, "mesh": "../elsewhere", "skeletons": "bones"}))
    return path


def test_a_dry_run_removes_nothing(path: Path) -> None:
    before = files(path)
    removal = ng.remove(path, dry_run=True)
    assert files(path) == before
    assert not removal.done
    assert {part.name: part.files for part in removal.removed} == {"scale 1_1_1": 8, "scale 2_2_2": 1, "info": 1}
    assert removal.kept == ("segment_properties (1 file)", "1_1_1/notes, README.txt, not of this volume")
    assert "10 files" in str(removal)
    assert removal.nbytes == sum((path / name).stat().st_size for name in before if "notes" not in name) - sum(
        (path / name).stat().st_size for name in ("README.txt", "segment_properties/info")
    )


def test_a_volume(path: Path) -> None:
    removal = ng.remove(ng.open(path, 1))
    assert removal.done
    assert files(path) == {"README.txt", "1_1_1/notes", "segment_properties/info"}
    with pytest.raises(NotFoundError):
        ng.remove(path)


def test_a_volume_with_its_sidecars(path: Path) -> None:
    ng.remove(path, sidecars=True)
    assert files(path) == {"README.txt", "1_1_1/notes"}


@pytest.mark.parametrize("scale", [1, "2_2_2", (2, 2, 2)])
def test_a_scale(path: Path, scale: object) -> None:
    removal = ng.remove(path, scale)  # type: ignore[arg-type]
    assert [(part.name, part.files) for part in removal.removed] == [("scale 2_2_2", 1)]
    assert [one["key"] for one in ng.open(path).scales] == ["1_1_1"]
    assert ng.open(path).info["skeletons"] == "bones"
    assert not (path / "2_2_2").exists()
    with pytest.raises(OptionError, match="remove the volume"):
        ng.remove(path, 0)


def test_chunks_that_two_scales_share_stay(path: Path) -> None:
    document = json.loads((path / "info").read_text())
    document["scales"].append({**document["scales"][0], "resolution": [5, 5, 5]})
    (path / "info").write_text(json.dumps(document))
    removal = ng.remove(path, 2)
    assert removal.files == 0
    assert removal.kept == ("its chunks, which are those of scale 0, too",)
    assert ng.open(path)[...].all()


def test_a_scale_elsewhere_is_refused(path: Path) -> None:
    document = json.loads((path / "info").read_text())
    document["scales"][1]["key"] = "../other"
    (path / "info").write_text(json.dumps(document))
    before = files(path)
    for scale in (None, 1):
        with pytest.raises(OptionError, match="leads out"):
            ng.remove(path, scale)
    assert files(path) == before


def test_an_interruption_leaves_no_volume_without_chunks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("the power is gone")

    with monkeypatch.context() as broken:
        broken.setattr(LocalStore, "sweep", fail)
        with pytest.raises(OSError, match="power"):
            ng.remove(path, 1)
    assert len(ng.open(path).scales) == 1


def test_what_makes_no_sense(path: Path) -> None:
    with pytest.raises(OptionError, match="not with a scale"):
        ng.remove(path, 1, sidecars=True)
    with pytest.raises(NotFoundError, match="2_2_2"):
        ng.remove(path, "9_9_9")
