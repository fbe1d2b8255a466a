"""Put a TIFF file into a Neuroglancer precomputed volume, or take a part out, with the flags of NeuroDataManager.

python scripts/ndm.py -datadir MyDataDir -input slices.tif -x 8192 -y 8192 -z 16 -zoffset 16 -scale 0 -gzip
"""

import sys

from ngprecomp.cli.ndm import main

if __name__ == "__main__":
    sys.exit(main())
