"""The limit of a decoded chunk is set by whoever opens a volume; jobs that are given it keep to that."""

from __future__ import annotations

import pickle

import pytest

import ngprecomp as ng
from ngprecomp.errors import MetadataError, OptionError

GIBIBYTE = 1 << 30


def test_what_is_above_a_lower_limit_is_refused(tmp_path):
    ng.create(tmp_path / "v", shape=(32, 32, 32), dtype="uint8", chunk_size=(32, 32, 32))
    assert ng.open(tmp_path / "v", max_chunk_bytes=1 << 15).shape == (32, 32, 32, 1)
    with pytest.raises(MetadataError, match="takes 32768 bytes, above the limit of 4000"):
        ng.open(tmp_path / "v", max_chunk_bytes="4kB")
    with pytest.raises(OptionError, match="above the limit of 4000"):
        ng.open(tmp_path / "w", create=True, dtype="uint8", shape=(64, 64, 64, 1), max_chunk_bytes="4kB")
    assert not (tmp_path / "w" / "info").exists()


def test_jobs_keep_to_the_limit_of_an_open_volume(tmp_path):
    """They look at the metadata again."""
    side = 3 * GIBIBYTE
    vol = ng.open(
        tmp_path / "v",
        create=True,
        dtype="uint8",
        shape=(side, 1, 1, 1),
        chunk_layout={"chunk": {"shape": [side, 1, 1, 1]}},
        max_chunk_bytes="4GB",
    )
    with pytest.raises(MetadataError, match="above the limit of 1073741824"):
        ng.open(vol.url)
    again = pickle.loads(pickle.dumps(vol))
    assert again.parsed_info.max_chunk_bytes == 4 * 10**9
    assert not [found for found in ng.check(again, memory="100GB").problems if "limit" in found.what]
    assert [found for found in ng.check(vol.url).problems if "limit" in found.what]
    assert ng.copy(again, tmp_path / "copy", chunk_size=(64, 1, 1), dry_run=True).voxels == side
    with pytest.raises(MetadataError, match="above the limit"):
        ng.copy(vol.url, tmp_path / "copy", chunk_size=(64, 1, 1), dry_run=True)
