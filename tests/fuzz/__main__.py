"""Feed a target with what a coverage-guided fuzzer makes: ``python -m tests.fuzz info -max_total_time=300``.

Needs ``pip install atheris``; what follows the name of the target are options of libFuzzer. New inputs stay in
``/tmp/ngprecomp-fuzz/TARGET``, an input that fails is written to the current folder. Kernels are interpreted, so that
the fuzzer sees their branches too.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["NUMBA_DISABLE_JIT"] = "1"

import atheris

with atheris.instrument_imports(include=["ngprecomp"]):
    from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        raise SystemExit(f"usage: python -m tests.fuzz {'|'.join(TARGETS)} [option of libFuzzer ...]")
    name = sys.argv.pop(1)
    found = Path("/tmp/ngprecomp-fuzz", name)
    found.mkdir(parents=True, exist_ok=True)
    atheris.Setup([*sys.argv, str(found), str(CORPUS / name)], TARGETS[name])
    atheris.Fuzz()


main()
