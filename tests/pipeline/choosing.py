"""Choices for small arrays, made as convert makes them."""

from ngprecomp.format.box import Box
from ngprecomp.pipeline.conversion.choices import Wishes, choose, in_type
from ngprecomp.pipeline.conversion.sampling import sample_boxes
from ngprecomp.sources.opening import open_source


class Named:
    """An array in a file of that name."""

    def __init__(self, voxels, name="raw.npy", **told):
        self._source = open_source(voxels.T, axes="czyx"[4 - voxels.ndim :])
        self.name = name
        self.shape, self.dtype, self.block = self._source.shape, self._source.dtype, self._source.block
        self.read = self._source.read
        self.resolution, self.voxel_offset, self.notes = told.get("resolution"), told.get("voxel_offset"), ()


def chosen(voxels, name="raw.npy", told=None, **wishes):
    """Return what is chosen for an array [x, y, z] or [x, y, z, channel]."""
    source = Named(voxels, name, **(told or {}))
    return choose(source, Wishes(**wishes), sample_boxes(source, (64, 64, 64)))


def converted(voxels, name="raw.npy", **wishes):
    """Return the choices for an array, and its voxels in the new type."""
    choices = chosen(voxels, name, **wishes)
    return choices, in_type(Named(voxels).read(Box.of_size(voxels.shape[:3])), choices, "here")


def note(choices, word):
    """Return the only note that has a word."""
    (found,) = [text for text in choices.notes if word in text]
    return found
