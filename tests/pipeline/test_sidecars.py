"""What belongs to a volume comes along with a copy, or is left out with all that names it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import ExistsError
from ngprecomp.pipeline.provenance import add_provenance
from ngprecomp.storage.local import LocalStore

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "mesh/info": b'{"@type": "neuroglancer_legacy_mesh"}',
    "mesh/1:0": b'{"fragments": ["deep/1"]}',
    "mesh/deep/1": bytes(5000),
    "my/bones/info": b"{}",
    "segment_properties/info": b"{}",
    "notes.txt": b"mine",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a volume with sidecars, unknown members and a provenance."""
    path = tmp_path / "a"
    vol = ng.create(path, shape=(32, 32, 32), dtype="uint64", chunk_size=(16, 16, 16))
    vol[...] = 2**63 + 5
    for name, data in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    set_members(path, mesh="mesh", skeletons="./my/bones/", segment_properties="segment_properties", owner="me")
    document = json.loads((path / "info").read_text())
    document["scales"][0]["hidden"] = False
    (path / "info").write_text(json.dumps(document))
    add_provenance(LocalStore(str(path)), ["a microscope"], {"task": "imaging"})
    return path


def set_members(path: Path, **members: object) -> None:
    document = json.loads((path / "info").read_text())
    (path / "info").write_text(json.dumps({**document, **members}))


def files(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def test_all_comes_along(path: Path, tmp_path: Path) -> None:
    report = ng.copy(path, tmp_path / "out")
    assert report.notes == (
        "scale 1_1_1: chunks as they are",
        "mesh: 3 files, 5.06 kB",
        "skeletons: 1 file, 2 B",
        "segment_properties: 1 file, 2 B",
        "members of info: owner",
        f"provenance: 1 file, {(path / 'provenance').stat().st_size} B",
    )
    found = files(tmp_path / "out")
    assert {name: data for name, data in found.items() if name in FILES} == {
        name: data for name, data in FILES.items() if name != "notes.txt"
    }
    assert ng.open(tmp_path / "out").info == ng.open(path).info
    provenance = json.loads(found["provenance"])
    assert [step["method"]["task"] for step in provenance["processing"]] == ["imaging", "copy"]
    assert provenance["sources"] == ["a microscope", f"file://{path}"]


def test_all_is_left_out(path: Path, tmp_path: Path) -> None:
    report = ng.copy(path, tmp_path / "out", sidecars=False)
    assert report.notes[-1] == "left out, as asked: mesh, owner, segment_properties, skeletons, provenance"
    assert not files(tmp_path / "out").keys() & FILES.keys()
    info = ng.open(tmp_path / "out").info
    assert not {"mesh", "skeletons", "segment_properties", "owner"} & info.keys()
    assert info["scales"][0]["hidden"] is False
    assert [step["method"]["task"] for step in json.loads(files(tmp_path / "out")["provenance"])["processing"]] == [
        "copy"
    ]


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("../elsewhere", "leads out of the volume's folder"),
        ("/mesh", "leads out of the volume's folder"),
        ("a/../../mesh", "leads out of the volume's folder"),
        (".", "holds a part of the volume itself"),
        ("1_1_1", "holds a part of the volume itself"),
        ("", "names no folder"),
        (["mesh"], "names no folder"),
    ],
)
def test_what_is_not_followed(named: object, reason: str, path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/info").write_text("{}")
    set_members(path, mesh=named)
    report = ng.copy(path, tmp_path / "out/deep")
    assert f"remark: mesh is left out: {named!r} {reason}" in report.notes
    assert "mesh" not in ng.open(tmp_path / "out/deep").info
    assert {one.name for one in (tmp_path / "out").iterdir()} == {"deep"}


def test_links_stay_links(path: Path, tmp_path: Path) -> None:
    set_members(path, mesh="precomputed://gs://bucket/mesh")
    report = ng.copy(path, tmp_path / "out")
    assert "mesh: the link precomputed://gs://bucket/mesh" in report.notes
    assert ng.open(tmp_path / "out").info["mesh"] == "precomputed://gs://bucket/mesh"


def test_foreign_files_are_not_replaced_unasked(path: Path, tmp_path: Path) -> None:
    (tmp_path / "out/mesh").mkdir(parents=True)
    (tmp_path / "out/mesh/info").write_text("mine")
    with pytest.raises(ExistsError, match=r"out/mesh/info exists, where mesh would be copied to; overwrite does it"):
        ng.copy(path, tmp_path / "out")
    assert files(tmp_path / "out") == {"mesh/info": b"mine"}
    ng.copy(path, tmp_path / "out", overwrite=True)
    assert files(tmp_path / "out")["mesh/info"] == FILES["mesh/info"]


def test_a_file_that_cannot_be_read_is_an_error_and_the_copy_goes_on(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = LocalStore.get
    failing = ["my/bones/info"]

    def fail(store: LocalStore, key: str, **keywords: object) -> object:
        if key in failing:
            raise OSError(5, "Input/output error", key)
        return get(store, key, **keywords)

    monkeypatch.setattr(LocalStore, "get", fail)
    with pytest.raises(OSError, match="my/bones/info"):
        ng.copy(path, tmp_path / "out")
    assert not (tmp_path / "out/info").exists()
    failing.clear()
    written = (tmp_path / "out/mesh/1:0").stat().st_mtime_ns
    report = ng.copy(path, tmp_path / "out")
    assert report.resumed == 1
    assert (tmp_path / "out/mesh/1:0").stat().st_mtime_ns == written
    assert files(tmp_path / "out").keys() == files(path).keys() - {"notes.txt"}


@pytest.mark.parametrize("damage", ["remove", "cut"])
def test_a_sidecar_that_is_gone_is_copied_again(
    damage: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("ngprecomp.pipeline.copying.create_info", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ng.copy(path, tmp_path / "out")
    target = tmp_path / "out/mesh/deep/1"
    if damage == "remove":
        target.unlink()
    else:
        target.write_bytes(b"")
    ng.copy(path, tmp_path / "out")
    assert files(tmp_path / "out")["mesh/deep/1"] == FILES["mesh/deep/1"]


def test_a_crop_takes_sidecars_whole(path: Path, tmp_path: Path) -> None:
    ng.copy(path, tmp_path / "out", box=((0, 5), (0, 5), (0, 5)))
    assert np.asarray(ng.open(tmp_path / "out")).shape == (5, 5, 5, 1)
    assert (tmp_path / "out/mesh/deep/1").exists()


def test_a_folder_of_scales_is_no_sidecar(path: Path, tmp_path: Path) -> None:
    ng.set_info(path, rename_scale=("1_1_1", "mesh/fine"))
    report = ng.copy(path, tmp_path / "out")
    assert "remark: mesh is left out: 'mesh' holds a part of the volume itself" in report.notes
    assert sorted({name.split("/")[0] for name in files(tmp_path / "out")}) == [
        "info",
        "mesh",
        "my",
        "provenance",
        "segment_properties",
    ]
    assert not (tmp_path / "out/mesh/deep").exists()
