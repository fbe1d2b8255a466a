import struct

import compresso as package
import numpy as np
import pytest

from ngprecomp.codecs import compresso
from ngprecomp.errors import DecodeError
from tests.codecs.battery import SHAPES


def labels_in_boxes(shape, dtype):
    """Return segments of a few voxels, one label of the highest bit among them."""
    x, y, z = np.indices(shape)
    labels = np.asfortranarray((x // 4 + 3 * (y // 5) + 11 * (z // 3) + 1).astype(dtype))
    labels[labels == 1] = np.iinfo(dtype).max
    return labels


@pytest.mark.parametrize("shape", [*SHAPES, (64, 32, 16)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64"])
def test_chunks_of_the_package_give_the_labels(shape, dtype):
    labels = labels_in_boxes(shape, dtype)
    decoded = compresso.decode(package.compress(labels), (*shape, 1), dtype)
    np.testing.assert_array_equal(decoded, labels[..., np.newaxis], strict=True)
    assert decoded.flags.f_contiguous


@pytest.mark.parametrize("steps", [(4, 4, 1), (8, 8, 1)])
@pytest.mark.parametrize("random_access", [False, True])
def test_both_versions_and_window_sizes_are_read(steps, random_access):
    labels = np.asfortranarray(np.random.default_rng(0).integers(0, 2**64, (20, 16, 12), "uint64"))
    data = package.compress(labels, steps=steps, random_access_z_index=random_access)
    np.testing.assert_array_equal(compresso.decode(data, (20, 16, 12, 1), "uint64")[..., 0], labels)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((16, 16, 15, 1), "uint64"), ((16, 16, 16, 2), "uint64"), ((16, 16, 16, 1), "uint32")],
)
def test_another_shape_or_type_is_an_error_before_anything_is_decoded(shape, dtype):
    data = package.compress(labels_in_boxes((16, 16, 16), "uint64"))
    with pytest.raises(DecodeError, match="found 16 x 16 x 16 x 1 of 8 bytes"):
        compresso.decode(data, shape, dtype)


@pytest.mark.parametrize(
    ("at", "member"),
    [
        (0, b"CPSO"),
        (4, b"\x07"),
        (12, b"\0"),
        (13, b"\xff"),
        (15, b"\xff" * 7),
        (23, b"\xff" * 4),
        (35, b"\x05"),
    ],
)
def test_a_damaged_header_is_an_error(at, member):
    data = bytearray(package.compress(labels_in_boxes((16, 16, 16), "uint64")))
    data[at : at + len(member)] = member
    with pytest.raises(DecodeError):
        compresso.decode(bytes(data), (16, 16, 16, 1), "uint64")


def test_missing_bytes_are_an_error():
    labels = labels_in_boxes((16, 16, 16), "uint64")
    data = package.compress(labels)
    ids, windows, locations = struct.unpack_from("<QIQ", data, 15)
    for length in (0, 4, 35, 36, 36 + 8 * ids, 36 + 8 * ids + 2 * windows + 8 * locations - 1):
        with pytest.raises(DecodeError):
            compresso.decode(data[:length], (16, 16, 16, 1), "uint64")


def body(data):
    """Return where each of the four lists of a stream of uint64 labels begins, and its end."""
    ids, values, codes = struct.unpack_from("<QIQ", data, 15)
    ends = [36]
    for size in (8 * ids, 2 * values, 8 * codes):
        ends.append(ends[-1] + size)
    return ends


def changed(data, at, form, value):
    damaged = bytearray(data)
    struct.pack_into(form, damaged, at, value)
    return bytes(damaged)


def test_each_way_in_which_parts_do_not_fit_is_an_error_of_its_own():
    labels = np.asfortranarray(np.random.default_rng(0).integers(1, 4, (8, 8, 3), "uint64"))
    data = package.compress(labels, random_access_z_index=False)
    _, values, codes, runs = body(data)
    more = struct.pack("<Q", struct.unpack_from("<Q", data, 27)[0] + 1)
    cases = {
        r"expected 12 windows, found 32778": changed(data, len(data) - 2, "<H", 0xFFFF),
        r"expected 12 windows, found 11": data[:-2],
        r"expected 12 windows, found 13": data + b"\0\0",
        r"a window has value number 500, but there are \d+": changed(data, runs, "<H", 1000),
        r"its borders leave \d+ regions, but there are \d+ labels": changed(data, values, "<H", 0xFFFF),
        r"code \d+ of its borders names a neighbour without a label": changed(data, codes, "<Q", 4),
        r"its borders need more than the \d+ codes that there are": changed(data, runs - 8, "<Q", 6),
        r"its borders need \d+ codes, but there are \d+": data[:27] + more + data[35:runs] + bytes(8) + data[runs:],
    }
    for message, damaged in cases.items():
        with pytest.raises(DecodeError, match=message):
            compresso.decode(damaged, (8, 8, 3, 1), "uint64")


def test_damage_anywhere_is_an_error_or_other_labels():
    """The package ends the process on some of these."""
    labels = np.asfortranarray(np.random.default_rng(0).integers(1, 2**64, (20, 16, 12), "uint64"))
    labels[4:15, :, 3:] = 7
    rng = np.random.default_rng(1)
    refused = 0
    for index in (True, False):
        data = package.compress(labels, random_access_z_index=index)
        for _ in range(1500):
            damaged = bytearray(data)
            at = rng.integers(0, len(data), 2)
            damaged[at[0]] = rng.integers(0, 256)
            damaged[at[1]] ^= 1 << int(rng.integers(0, 8))
            try:
                compresso.decode(bytes(damaged), (20, 16, 12, 1), "uint64")
            except DecodeError:
                refused += 1
    assert refused > 100
