"""Forecasts: what they tell is what a conversion then does, and telling it costs nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.pipeline.conversion.forecast import forecast
from ngprecomp.sources.opening import open_source
from tests.pipeline.planned import PaperSource, options, plan_conversion, planned


@pytest.fixture
def labels():
    coarse = np.random.default_rng(0).integers(0, 99, (8, 12, 10)).astype("uint64") + 2**63
    return coarse.repeat(16, 0).repeat(16, 1).repeat(16, 2)


@pytest.mark.parametrize("shard_size", [None, (64, 64, 64)])
def test_a_forecast_is_what_happens(tmp_path, labels, shard_size):
    np.save(tmp_path / "labels.npy", labels)
    report = ng.convert(
        tmp_path / "labels.npy", tmp_path / "out", resolution=(8, 8, 8), chunk_size=(32, 32, 32), shard_size=shard_size
    )
    source = open_source(str(tmp_path / "labels.npy"))
    asked = options(10**9, kind="segmentation", chunk_size=(32, 32, 32), shard_size=shard_size)
    told = forecast(source, plan_conversion(source, asked), asked)
    source.close()
    assert [scale.size for scale in told.scales] == [scale.size for scale in report.scales]
    assert [scale.chunks for scale in told.scales] == [scale.chunks for scale in report.scales]
    assert told.files == report.files
    assert told.source_bytes == labels.nbytes
    assert told.decoded_bytes == told.source_bytes
    assert told.spool_bytes == 0
    finest = report.scales[0].nbytes
    assert finest / 2 < told.scales[0].nbytes < 2 * finest


@pytest.mark.parametrize("storage", [{"shard_size": None}, {"shard_size": "always"}, {"compress": "gzip"}])
def test_the_bytes_of_labels_within_a_wide_margin_are_told(tmp_path, labels, storage):
    whole = np.zeros((160, 240, 320), "uint64")
    whole[:128, 48:, 100:260] = labels
    np.save(tmp_path / "labels.npy", whole)
    how = dict(type="segmentation", resolution=(8, 8, 8), chunk_size=(32, 32, 32), skip_empty=True, **storage)
    told = ng.convert(tmp_path / "labels.npy", tmp_path / "out", dry_run=True, **how)
    report = ng.convert(tmp_path / "labels.npy", tmp_path / "out", **how)
    assert report.written_bytes * 0.75 < told.nbytes < report.written_bytes * 1.25


def test_memory_and_amplification_of_each_round():
    told = forecast(*planned(PaperSource((2048, 2048, 512, 1), (2048, 2048, 1)), 512 * 10**6))
    first, *later = told.rounds
    assert first.unit == (2048, 2048, 64)
    assert first.amplification == 1
    assert later
    assert all(one.nbytes <= told.held_bytes <= told.memory for one in told.rounds)
    assert sum(len(one.scales) for one in told.rounds) == len(told.scales)


def test_a_spool_is_told():
    told = forecast(*planned(PaperSource((2048, 2048, 512, 1), (2048, 2048, 1)), 200 * 10**6))
    assert told.spool_bytes == told.source_bytes == told.decoded_bytes == 2**31
    assert told.rounds[0].amplification == 1
    assert "through a spool of 2.15 GB" in str(told)


def test_nothing_but_samples_is_read():
    source, plan, asked = planned(PaperSource((16384, 16384, 64, 1), (16384, 16384, 1)), 4 * 10**9)
    forecast(source, plan, asked)
    assert source.decoded <= 3


def test_a_petavoxel_is_told_on_paper():
    source = PaperSource((100_000, 100_000, 100_000, 1), (1024, 1024, 64))
    told = forecast(*planned(source, 16 * 10**9, workers=16, shard_size="auto"))
    assert told.source_bytes == 10**15
    assert told.scales[0].chunks == 1563**3
    assert told.held_bytes <= told.memory
    assert 1 <= told.decoded_bytes / told.source_bytes <= 1.3
    assert 10**13 < told.nbytes < 10**15


def test_a_box_counts_the_blocks_that_it_touches():
    box = ((10, 20), (10, 20), (10, 20))
    told = forecast(*planned(PaperSource((512, 512, 64, 1), (64, 64, 8)), 10**9, box=box))
    assert told.source_bytes == 1000
    assert told.decoded_bytes == 64 * 64 * 16


def test_it_prints_and_becomes_json():
    told = forecast(*planned(PaperSource((200, 100, 64, 1), (64, 64, 64)), 10**9, chunk_size=(32, 32, 32)))
    text = str(told)
    assert text.startswith("forecast: paper\n")
    rows = [line.split() for line in text.splitlines()]
    assert ["8_8_8", "200x100x64", "1x1x1", "32x32x32", "-", "56", "56", "1.28", "MB"] in rows
    assert f"estimated from {told.samples} samples" in text
    assert 30 <= told.samples <= 48
    document = json.loads(json.dumps(told.to_json()))
    assert document["nbytes"] == told.nbytes
    assert document["scales"][0]["size"] == [200, 100, 64]


def test_exact_scales_read_the_finest_one_and_not_the_source():
    told = forecast(*planned(PaperSource((512, 512, 512, 1), (64, 64, 64)), 10**9, exact=True))
    assert [one.scales for one in told.rounds] == [(scale.key,) for scale in told.scales]
    assert len(told.scales) > 1
    assert "exact" in told.notes[-1]
    assert told.decoded_bytes == told.source_bytes
