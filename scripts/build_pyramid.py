"""Make the coarser scales of a Neuroglancer precomputed volume.

python scripts/build_pyramid.py em --levels 3
"""

import argparse
import sys

import ngprecomp as ng
from ngprecomp.cli.values import method, sizes
from ngprecomp.errors import NgprecompError


def main() -> None:
    """Read the command line and build the pyramid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("volume", help="folder of the volume")
    parser.add_argument("--levels", type=int, metavar="N", help="coarser scales (default: until one chunk holds all)")
    parser.add_argument("--factor", type=sizes, metavar="X,Y,Z", help="default: towards cubic voxels")
    parser.add_argument("--method", type=method, help="mode, mean, median, min, max or stride (default: by the type)")
    parser.add_argument("--overwrite", action="store_true", help="make scales that exist anew")
    try:
        print(ng.build_pyramid(**vars(parser.parse_args())))
    except NgprecompError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
