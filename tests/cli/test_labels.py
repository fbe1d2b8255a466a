"""``ngprecomp labels`` and ``ngprecomp props`` as a user types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def volume(tmp_path: Path) -> str:
    path = str(tmp_path / "seg")
    vol = ng.create(path, shape=(20, 20, 20), dtype="uint64", resolution=(4, 4, 40), type="segmentation")
    vol[0:10] = 2**63
    vol[10:12, 0:5, 0:5] = np.full((2, 5, 5), 8)
    return path


def test_from_labels_to_properties(volume: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = str(tmp_path / "cells.csv")
    assert main(["labels", volume, table]) == 0
    assert "2 labels with 4,050 voxels" in capsys.readouterr().out
    assert main(["labels", volume, table]) == 1
    assert "--overwrite replaces it" in capsys.readouterr().err
    assert main(["labels", volume, table, "--overwrite", "-q", "--box", "0:80,:,:", "--units", "nm"]) == 0
    assert main(["props", table, volume, "--numbers", "voxels", "--name", "names"]) == 0
    assert "voxels: number, uint16" in capsys.readouterr().out
    document = json.loads((tmp_path / "seg" / "names" / "info").read_text())
    assert document["inline"]["ids"] == ["8", str(2**63)]
    assert [one["id"] for one in document["inline"]["properties"]] == ["voxels"]
    assert json.loads((tmp_path / "seg" / "info").read_text())["segment_properties"] == "names"


def test_a_table_without_a_file(volume: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", volume, "--scale", "0"]) == 0
    assert f"{2**63}: 4,000 voxels, centre 4.5,9.5,9.5" in capsys.readouterr().out


def test_mistakes_are_one_sentence(volume: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["props", str(tmp_path / "none.csv"), volume]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["labels", volume, "--channel", "3"]) == 2
    assert "channels 0 to 0" in capsys.readouterr().err
