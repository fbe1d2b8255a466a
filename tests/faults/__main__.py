"""Print what came of all damaged volumes: ``python -m tests.faults``; exit status 1 if one is not as it must be."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.faults.battery import Reader
from tests.faults.cases import CASES

CLASSES = {
    "c": "chunk files",
    "f": "files that are no files",
    "g": "compressed_segmentation",
    "i": "info",
    "j": "images",
    "k": "compresso",
    "s": "shards",
}
OUTCOMES = ("exact", "error", "policy", "unseen", "zeros", "wrong", "dies", "hangs")


def main() -> int:
    """Run all cases and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder))
        results = [reader.run(case) for case in CASES]
        reader.close()
    print(f"| {'faults of':24} | cases | {' | '.join(OUTCOMES)} |")
    for letter, title in [*CLASSES.items(), ("", "all")]:
        found = [result for result in results if result.case.name.startswith(letter)]
        counts = Counter(result.outcome for result in found)
        cells = " | ".join(f"{counts[outcome]:{len(outcome)}}" for outcome in OUTCOMES)
        print(f"| {title:24} | {len(found):5} | {cells} |")
    slowest = max(results, key=lambda result: result.seconds)
    largest = max(results, key=lambda result: result.nbytes)
    print(f"longest: {slowest.seconds:.2f} s ({slowest.case.name})")
    print(f"most memory: {largest.nbytes / 2**20:.0f} MiB ({largest.case.name})")
    wrong = [result for result in results if not result.as_it_must]
    for result in wrong:
        print(
            f"NOT AS IT MUST BE: {result.case.name}: {result.outcome}, not {result.case.outcome}. {result.detail[:600]}"
        )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
