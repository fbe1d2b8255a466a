"""Copy a Neuroglancer precomputed volume into shards of another size, or into a file for each chunk.

python scripts/reshard.py labels labels_sharded --shard-size 1024,1024,512
python scripts/reshard.py labels labels_files --unsharded
"""

import argparse
import sys

import ngprecomp as ng
from ngprecomp.cli.values import sizes
from ngprecomp.errors import NgprecompError


def main() -> None:
    """Read the command line and copy the volume; its chunks are not decoded."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, argument_default=argparse.SUPPRESS
    )
    parser.add_argument("source", help="folder of the volume")
    parser.add_argument("destination", help="folder of the new volume")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--shard-size", type=sizes, metavar="X,Y,Z", help="voxels of a shard (default: 2**28)")
    group.add_argument("--unsharded", dest="shard_size", action="store_const", const=None, help="a file for each chunk")
    parser.add_argument("--overwrite", action="store_true", help="replace a volume that is there")
    try:
        print(ng.copy(**{"shard_size": "always", **vars(parser.parse_args())}))
    except NgprecompError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
