"""``ngprecomp rm`` shows first and removes with --yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ngprecomp as ng
from ngprecomp.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_nothing_goes_without_yes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume = str(tmp_path / "v")
    ng.create(volume, shape=(8, 8, 8), dtype="uint8")[...] = 1
    ng.create(volume, shape=(4, 4, 4), dtype="uint8", resolution=(2, 2, 2), exist="add")[...] = 1
    assert main(["rm", volume]) == 0
    assert main(["rm", volume, "--yes", "--dry-run"]) == 0
    assert capsys.readouterr().out.count("nothing was removed; --yes removes it") == 2
    assert ng.open(volume, 1)[...].all()

    assert main(["rm", volume, "--scale", "2,2,2", "--yes"]) == 0
    assert "scale 2_2_2: 1 file, 64 B" in capsys.readouterr().out
    assert len(ng.open(volume).scales) == 1
    assert not (tmp_path / "v" / "2_2_2").exists()
    assert main(["rm", volume, "--scale", "0", "--yes"]) == 2
    assert "remove the volume" in capsys.readouterr().err

    assert main(["rm", volume, "--yes", "-q"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["rm", volume]) == 1
    assert "no volume at" in capsys.readouterr().err
