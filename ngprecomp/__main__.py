"""``python -m ngprecomp`` is the command ``ngprecomp``."""

import sys

from ngprecomp.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
