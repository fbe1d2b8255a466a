"""From an HDF5 file to two multi-scale volumes, and back to a picture.

Makes a small block of tissue as an electron microscope might show it, with the label of each cell, writes both into
one HDF5 file, converts them, reads a cutout at two scales and saves it as a picture. Everything goes to the folder
``quickstart_output`` of the clone, or to the one that is named:

    python examples/quickstart.py [FOLDER]
"""

import sys
from pathlib import Path

import h5py
import imagecodecs
import numpy as np
from scipy import ndimage, spatial

import ngprecomp as ng

SIZE = (256, 256, 64)  # voxels along x, y, z
RESOLUTION = (8, 8, 40)  # nm
OFFSET = (1000, 2000, 300)  # where the block lies in an imagined larger volume, in voxels
CELLS = 160


def main() -> None:
    """Make the data, convert them, read them back."""
    default = Path(__file__).resolve().parent.parent / "quickstart_output"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)

    image, labels = make_tissue()
    file = write_hdf5(folder / "tissue.h5", image, labels)
    reports = [
        ng.convert(f"{file}:volumes/raw", folder / "image", overwrite=True),
        ng.convert(f"{file}:volumes/labels/neuron_ids", folder / "labels", overwrite=True),
    ]
    picture = save_picture(folder)

    print(f"source   {file}\npicture  {picture}\n")
    print(*reports, sep="\n\n")


def write_hdf5(path: Path, image: np.ndarray, labels: np.ndarray) -> Path:
    """Write image and labels, [x, y, z], as CREMI files hold them: axes z, y, x and attributes in nm."""
    with h5py.File(path, "w") as file:
        for name, voxels in (("volumes/raw", image), ("volumes/labels/neuron_ids", labels)):
            dataset = file.create_dataset(name, data=voxels.T, chunks=(16, 64, 64), compression="gzip")
            dataset.attrs["resolution"] = [float(step) for step in reversed(RESOLUTION)]
            dataset.attrs["offset"] = [
                float(at * step) for at, step in zip(OFFSET[::-1], RESOLUTION[::-1], strict=True)
            ]
    return path


def save_picture(folder: Path) -> Path:
    """Show one section of both volumes: image and coloured labels, the first scale above the third."""
    rows = []
    for scale in (0, 2):
        image = ng.open(folder / "image", scale)
        labels = ng.open(folder / "labels", scale)
        # Coordinates are absolute: this is the section in the middle of the block, whatever the scale.
        z = image.voxel_offset[2] + image.shape[2] // 2
        grey = np.repeat(image[:, :, z], 3, axis=2).astype(float)
        cells = labels[:, :, z, 0]
        coloured = np.where((cells > 0)[..., np.newaxis], 0.45 * grey + 0.55 * colours_of(cells), grey)
        magnify = 2 * SIZE[0] // image.shape[0]
        tiles = [np.kron(tile, np.ones((magnify, magnify, 1))) for tile in (grey, coloured)]
        rows.append(np.concatenate([np.pad(tile, ((6, 6), (6, 6), (0, 0)), constant_values=255) for tile in tiles]))
    picture = np.concatenate(rows, axis=1).transpose(1, 0, 2)  # rows of a picture are y
    path = folder / "picture.png"
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(picture.clip(0, 255).astype(np.uint8))))
    return path


def colours_of(cells: np.ndarray) -> np.ndarray:
    """Return a colour, 0 to 255, for each label; the golden ratio keeps neighbouring numbers apart."""
    hue = cells[..., np.newaxis] * 0.618034 % 1 + np.array([0, 1 / 3, 2 / 3])
    return 140 + 115 * np.cos(2 * np.pi * hue)


def make_tissue() -> tuple[np.ndarray, np.ndarray]:
    """Return an image (uint8) and the labels of its cells (uint64, 0 in the membranes), both [x, y, z]."""
    random = np.random.default_rng(7)
    step = np.array(RESOLUTION)
    # Crooked cells are Voronoi cells of crooked space: each voxel is moved by a smooth noise of about 100 nm.
    at = np.stack(np.meshgrid(*map(np.arange, SIZE), indexing="ij"), axis=-1) * step.astype(np.float32)
    for axis in range(3):
        at[..., axis] += 100 * noise(random, 260)
    centres = random.uniform(-150, np.array(SIZE) * step + 150, (CELLS, 3))
    (nearest, second), cell = distances(centres, at)
    wall = second - nearest
    wall /= np.sqrt(sum(slope**2 for slope in np.gradient(wall, *RESOLUTION))) + 0.2  # nm from the middle of a membrane

    labels = np.where(wall > 11, cell + 1, 0).astype(np.uint64)
    brightness = random.normal(178, 10, CELLS)[cell] + 12 * noise(random, 25) + 8 * noise(random, 250)
    brightness -= 78 * mitochondria(random, at, wall)
    brightness -= 125 * np.exp(-((wall / 10) ** 2))
    brightness += random.normal(0, 3, SIZE[2])  # sections differ a little
    brightness += random.normal(0, 13, SIZE)
    blurred = ndimage.gaussian_filter(brightness, (0.6, 0.6, 0))
    return blurred.clip(0, 255).astype(np.uint8), labels


def distances(points: np.ndarray, at: np.ndarray, count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances to the `count` nearest points, nearest first, and which point is the nearest."""
    found, which = spatial.cKDTree(points).query(at.reshape(-1, 3), k=range(1, count + 1), workers=-1)
    return found.T.reshape(count, *SIZE), which[:, 0].reshape(SIZE)


def noise(random: np.random.Generator, length: float) -> np.ndarray:
    """Return smooth noise of variance 1 whose structures are about `length` nm large."""
    coarse = [max(4, round(2 * size * step / length)) for size, step in zip(SIZE, RESOLUTION, strict=True)]
    smooth = ndimage.gaussian_filter(random.normal(size=coarse), 0.8, mode="wrap")
    zoomed = ndimage.zoom(smooth / smooth.std(), [s / c for s, c in zip(SIZE, coarse, strict=True)], order=1)
    return zoomed.astype(np.float32)


def mitochondria(random: np.random.Generator, at: np.ndarray, wall: np.ndarray) -> np.ndarray:
    """Return how much of each voxel belongs to a mitochondrion, 0 to 1: a sausage with folded inner membranes."""
    extent = np.array(SIZE) * RESOLUTION
    centres = random.uniform(0, extent, (140, 3))
    axes = random.normal(size=(140, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    _, nearest = distances(centres, at, 1)
    away = at - centres[nearest]
    along = (away * axes[nearest]).sum(axis=-1)
    across = np.sqrt(np.maximum((away**2).sum(axis=-1) - along**2, 0))
    depth = 1 - np.hypot(across / 95, along / 280)
    inside = 1 / (1 + np.exp(-40 * depth)) / (1 + np.exp(-(wall - 36) / 4))
    return inside * (0.8 + 0.35 * np.sin(along / 11) * (depth > 0.12))


if __name__ == "__main__":
    main()
