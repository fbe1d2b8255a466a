"""Convert a dataset of an HDF5 file to a Neuroglancer precomputed volume with all its scales.

python scripts/hdf5_to_precomputed.py em.h5 volumes/raw em --resolution 8,8,40
"""

import argparse
import sys

import ngprecomp as ng
from ngprecomp.cli.values import lengths, sizes
from ngprecomp.errors import NgprecompError


def main() -> None:
    """Read the command line and convert."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="HDF5 file; axes are z, y, x")
    parser.add_argument("dataset", help="path in the file")
    parser.add_argument("destination", help="folder of the new volume")
    parser.add_argument("--resolution", type=lengths, metavar="X,Y,Z", help="voxel size in nm (default: from the file)")
    parser.add_argument(
        "--shard-size", type=sizes, default=argparse.SUPPRESS, metavar="X,Y,Z", help="voxels of a shard"
    )
    parser.add_argument("--type", choices=("image", "segmentation"), help="default: chosen from the data")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing volume")
    options = vars(parser.parse_args())
    try:
        print(ng.convert(options.pop("file"), options.pop("destination"), **options))
    except NgprecompError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
