"""Convert a TIFF stack, or a folder of slices, to a Neuroglancer precomputed volume with all its scales.

python scripts/tiff_to_precomputed.py slices/ em --resolution 4.6,4.6,50
"""

import argparse
import sys

import ngprecomp as ng
from ngprecomp.cli.values import lengths, sizes
from ngprecomp.errors import NgprecompError


def main() -> None:
    """Read the command line and convert."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="a TIFF file, or a folder or quoted glob of TIFF slices")
    parser.add_argument("destination", help="folder of the new volume")
    parser.add_argument("--resolution", type=lengths, required=True, metavar="X,Y,Z", help="voxel size in nm")
    parser.add_argument("--gaps", choices=("error", "close", "blank"), default="error", help="missing slice numbers")
    parser.add_argument(
        "--shard-size", type=sizes, default=argparse.SUPPRESS, metavar="X,Y,Z", help="voxels of a shard"
    )
    parser.add_argument("--type", choices=("image", "segmentation"), help="default: chosen from the data")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing volume")
    try:
        print(ng.convert(**vars(parser.parse_args())))
    except NgprecompError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
