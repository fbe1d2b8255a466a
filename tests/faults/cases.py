"""All damaged and hostile volumes; to be imported is what enters them.

Their letters are those of the kinds of fault: c chunk files, f files that are no files, g compressed_segmentation, i
``info``, j images, s shards.
"""

from __future__ import annotations

from tests.faults import chunk_cases, file_cases, image_cases, info_cases, label_cases, shard_cases  # noqa: F401
from tests.faults.case import CASES as CASES
from tests.faults.case import Case as Case
