from __future__ import annotations

import pickle
from typing import Any

import pytest
import tensorstore as ts

from ngprecomp.errors import OptionError
from ngprecomp.format.domain import IndexDomain

KEYWORDS: list[dict[str, Any]] = [
    {"rank": 3},
    {"shape": [3, 4]},
    {"inclusive_min": [1, 2]},
    {"exclusive_max": [1, 2]},
    {"inclusive_min": [-7, 2], "exclusive_max": [5, 6]},
    {"inclusive_min": [1], "inclusive_max": [4]},
    {"inclusive_min": [1], "exclusive_max": [1]},
    {"labels": ["x", "y"]},
    {"shape": [4], "labels": [None]},
    {"shape": [5], "implicit_upper_bounds": [True]},
    {"shape": [1, 1], "implicit_lower_bounds": [True, False]},
    {"inclusive_min": [20, 30, 40, 0], "shape": [1000, 2000, 3000, 2], "labels": ["x", "y", "z", "channel"]},
    {"inclusive_min": [-(2**62) + 2], "shape": [4]},
    {"shape": [2**62]},
    {"shape": [1, 2], "labels": ["x", "x"]},
    {"inclusive_min": [1], "shape": [-1]},
    {"inclusive_min": [1], "exclusive_max": [0]},
    {"inclusive_min": [-(2**62)], "shape": [4]},
    {"rank": 2, "shape": [1]},
    {"rank": 33},
    {"shape": [1], "exclusive_max": [2]},
    {"shape": [1.5]},
    {},
]

DOCUMENTS: list[Any] = [
    {"shape": [3, 4]},
    {"rank": 2},
    {"rank": 2.0, "shape": [1, 1]},
    {"inclusive_min": [1, ["-inf"]]},
    {"inclusive_min": ["-inf"], "exclusive_max": ["+inf"]},
    {"inclusive_min": [-5], "shape": ["+inf"]},
    {"exclusive_max": [[3]]},
    {"inclusive_max": [3]},
    {"inclusive_min": [0], "inclusive_max": ["+inf"]},
    {"shape": [["+inf"], [4]]},
    {"shape": ["5", 5.0]},
    {"labels": ["a", ""]},
    {"rank": 2, "shape": [1, 2], "labels": ["", ""]},
    {"inclusive_min": [0], "shape": [4], "exclusive_max": [4]},
    {"inclusive_min": [5], "exclusive_max": [4]},
    {"inclusive_min": ["inf"]},
    {"exclusive_max": ["-inf"]},
    {"shape": [1e30]},
    {"shape": [True]},
    {"shape": None},
    {"labels": ["x", 5]},
    {"foo": 1},
    {},
]


@pytest.mark.parametrize("keywords", KEYWORDS)
def test_keywords_mean_what_tensorstore_means(keywords: dict[str, Any]) -> None:
    try:
        theirs = ts.IndexDomain(**keywords)
    except (ValueError, TypeError):
        with pytest.raises(OptionError):
            IndexDomain(**keywords)
        return
    assert_same(IndexDomain(**keywords), theirs)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_mean_what_tensorstore_means(document: Any) -> None:
    try:
        theirs = ts.IndexDomain(json=document)
    except ValueError:
        with pytest.raises(OptionError):
            IndexDomain(document)
        return
    assert_same(IndexDomain(document), theirs)
    assert IndexDomain(json=document) == IndexDomain(IndexDomain(document))


def assert_same(ours: IndexDomain, theirs: ts.IndexDomain) -> None:
    assert repr(ours) == repr(theirs)
    assert ours.to_json() == theirs.to_json()
    for name in ("rank", "ndim", "origin", "inclusive_min", "inclusive_max", "exclusive_max", "shape", "labels"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("implicit_lower_bounds", "implicit_upper_bounds"):
        assert getattr(ours, name) == getattr(theirs, name), name
    if ours.finite:
        assert ours.size == theirs.size
    if not any(lo < 0 for lo in ours.inclusive_min):
        assert ours.index_exp == theirs.index_exp
    assert len(ours) == len(theirs)
    again = pickle.loads(pickle.dumps(ours))
    assert again == ours == IndexDomain(ours.to_json())
    assert hash(again) == hash(ours)


def test_merging_takes_what_one_leaves_open() -> None:
    one = IndexDomain(inclusive_min=[5, 0], labels=["x", ""])
    two = IndexDomain({"exclusive_max": [10, [20]], "labels": ["", "c"]})
    assert one.merged(two) == IndexDomain({"inclusive_min": [5, 0], "exclusive_max": [10, [20]], "labels": ["x", "c"]})
    assert one.merged(one) == one


@pytest.mark.parametrize(
    "other",
    [
        {"inclusive_min": [0], "shape": [11]},
        {"inclusive_min": [1], "exclusive_max": [10]},
        {"inclusive_min": ["-inf"], "exclusive_max": [10]},
        {"shape": [10], "labels": ["y"]},
        {"shape": [10, 10]},
    ],
)
def test_domains_that_differ_do_not_merge(other: dict[str, Any]) -> None:
    domain = IndexDomain(shape=[10], labels=["x"])
    for one, two in ((domain, IndexDomain(other)), (IndexDomain(other), domain)):
        with pytest.raises(OptionError, match="differ in"):
            one.merged(two)
