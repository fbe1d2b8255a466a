"""NIfTI: x, y, z, voxel size and offset in millimetres."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from os.path import dirname
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from isal import igzip

from ngprecomp.errors import OptionError
from ngprecomp.pipeline.sinks.raw import write_raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.pipeline.sinks.output import Contents, Voxels

MM_PER_NM = 1e-6
LONGEST_AXIS = 32767  # of NIfTI-1; NIfTI-2 has 64-bit sizes
GZIP_LEVEL = 2


def import_nibabel() -> Any:
    """Return the library that knows the header.

    Raises
    ------
    OptionError
        It is not installed.
    """
    try:
        import nibabel
    except ImportError as error:
        raise OptionError("writing NIfTI needs nibabel: pip install 'ngprecomp[nifti]'") from error
    return nibabel


def write_nifti(path: str, contents: Contents, slabs: Iterator[Voxels], *, gzipped: bool) -> str:
    """Write a single file; several channels are a vector in each voxel, the fifth axis."""
    header = _header(contents)
    with _writable(path, contents, gzipped=gzipped) as file:
        header.write_to(file)
        write_raw(file, contents, slabs)
    version = 1 if max(contents.size) <= LONGEST_AXIS else 2
    return f"NIfTI-{version}: axes x, y, z; the affine holds voxel size and offset in mm, no orientation is known"


@contextmanager
def _writable(path: str, contents: Contents, *, gzipped: bool) -> Iterator[IO[bytes]]:
    """Give a file to write to; a compressed one is written from front to back, which several channels are not."""
    if not gzipped:
        with open(path, "r+b") as file:
            yield file
        return
    with open(path, "r+b") as stored, _gzip(stored) as compressed:
        if contents.num_channels == 1:
            yield compressed
            return
        with tempfile.TemporaryFile(dir=dirname(path), prefix=".") as whole:
            yield whole
            whole.seek(0)
            shutil.copyfileobj(whole, compressed, 1 << 20)


def _gzip(stored: IO[bytes]) -> IO[bytes]:
    """Return a file whose bytes are compressed; the header has neither name nor time."""
    return cast("IO[bytes]", igzip.IGzipFile("", "wb", GZIP_LEVEL, stored, mtime=0))  # type: ignore[no-untyped-call]


def _header(contents: Contents) -> Any:
    nibabel = import_nibabel()
    header = nibabel.Nifti1Header() if max(contents.size) <= LONGEST_AXIS else nibabel.Nifti2Header()
    header.set_data_dtype(contents.dtype)
    header.set_data_shape(contents.size if contents.num_channels == 1 else (*contents.size, 1, contents.num_channels))
    if contents.num_channels > 1:
        header.set_intent("vector")
    header.set_xyzt_units("mm")
    header.set_slope_inter(1, 0)
    header.set_data_offset(header.single_vox_offset)
    size = np.array(contents.resolution) * MM_PER_NM
    affine = np.diag([*size, 1.0])
    affine[:3, 3] = size * contents.voxel_offset
    header.set_qform(affine, "scanner")
    header.set_sform(affine, "scanner")
    return header
