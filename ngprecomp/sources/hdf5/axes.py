"""The order of a dataset's axes as the file tells it: axistags of vigra and ilastik, axis names, dimension labels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.sources.axes import Axes, asked_axes_note, default_axes, parse_axes
from ngprecomp.sources.dimension_names import letters_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import h5py


def read_order(dataset: h5py.Dataset, name: str, axes: str | None) -> tuple[Axes, tuple[str, ...]]:
    """Return the order that the caller asks for, else that of the file, else the custom, and sentences on it.

    Raises
    ------
    SourceError
        What the file says contradicts its shape, or nothing tells the order.
    OptionError
        `axes` does not fit, or there are several points in time.
    """
    shape = dataset.shape
    if axes is not None:
        order = parse_axes(axes, shape, name)
        return order, (asked_axes_note(order, shape),)
    told = _told(dataset, name)
    if told is not None:
        letters, origin = told
        return parse_axes(letters, shape, name), (f"axes {letters}: {origin}",)
    if "Series" in text(dataset.parent.attrs.get("neurodata_type", "")):
        raise SourceError(f"{name}, shape {shape}, is a series of NWB, whose axes begin with time; name their order")
    if "MATLAB_class" in dataset.attrs and dataset.ndim in (3, 4):
        others = "c"[: dataset.ndim - 3] + "z"
        raise SourceError(
            f"{name}, shape {shape}, was written by MATLAB, which turns the order of axes round: name it with axes "
            f"({others}xy for an array A(y, x, z), {others}yx for A(x, y, z))"
        )
    order = default_axes(shape, name)
    note = f"axes {order}: default for HDF5 of {dataset.ndim} dimensions"
    labels = tuple(label for label in dimension_labels(dataset) if label)
    if labels:
        note += f"; its dimensions are labelled {', '.join(labels)}, which we do not understand: axes names their order"
    return order, (note,)


def vigra_tags(dataset: h5py.Dataset, name: str) -> list[dict[str, Any]] | None:
    """Return the tags of a dataset's axes in stored order, None if it has none.

    Raises
    ------
    SourceError
        There are tags, but they are damaged.
    """
    if "axistags" not in dataset.attrs:
        return None
    try:
        tags = json.loads(dataset.attrs["axistags"])["axes"]
        keys = [tag["key"] for tag in tags]
    except (TypeError, KeyError, ValueError) as error:
        raise SourceError(
            f"attribute axistags of {name} cannot be understood ({error}); name the order with axes"
        ) from None
    if len(keys) != dataset.ndim:
        raise SourceError(
            f"attribute axistags of {name} names {len(keys)} axes ({', '.join(map(str, keys))}), but its shape is "
            f"{dataset.shape}; name the order with axes"
        )
    return list(tags)


def dimension_labels(dataset: h5py.Dataset) -> list[str]:
    """Return the label of each dimension, else the name of its scale, else nothing."""
    labels = []
    for dimension in dataset.dims:
        scale = dimension[0].name.rpartition("/")[2] if len(dimension) else ""
        labels.append(str(dimension.label or scale))
    return labels


def _told(dataset: h5py.Dataset, name: str) -> tuple[str, str] | None:
    """Return the letters that the file names and where."""
    tags = vigra_tags(dataset, name)
    if tags is not None:
        return _letters([str(tag["key"]) for tag in tags], dataset.ndim, name, "axistags"), "from attribute axistags"
    if "axis_names" in dataset.attrs:
        named = [text(value) for value in np.ravel(dataset.attrs["axis_names"])]
        return _letters(named, dataset.ndim, name, "axis_names"), "from attribute axis_names"
    letters = letters_of(dimension_labels(dataset), dataset.ndim)
    return None if letters is None else (letters, "from the labels of its dimensions")


def _letters(named: Sequence[str], ndim: int, name: str, attribute: str) -> str:
    letters = letters_of(named, ndim)
    if letters is None:
        raise SourceError(
            f"attribute {attribute} of {name} names the axes {', '.join(named)}; expected x and y, perhaps z, c and t, "
            "each once: name the order with axes"
        )
    return letters


def text(value: Any) -> str:
    """Return what an attribute of text holds, which may be bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
