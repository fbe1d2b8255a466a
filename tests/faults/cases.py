"""All damaged and hostile volumes; to be imported is what enters them.

Their letters are those of the kinds of fault: c chunk files, f files that are no files, g compressed_segmentation, i
``info``, j images, k compresso, s shards.
"""

from __future__ import annotations

from tests.faults import (  # noqa: F401
    chunk_cases,
    compresso_cases,
    file_cases,
    image_cases,
    info_cases,
    label_cases,
    shard_cases,
)
from tests.faults.case import CASES as CASES
from tests.faults.case import Case as Case
