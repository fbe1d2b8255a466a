"""Files that are no files: folders, links, devices; and files that are nobody's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.faults.case import add, first, in_place

if TYPE_CHECKING:
    from pathlib import Path


def _linked_outside(path: Path) -> None:
    target = path.parent.parent / "elsewhere"
    target.write_bytes(bytes(8**3))
    path.symlink_to(target)


in_place("f02 link outside", "raw uint8", _linked_outside, "unseen")
for kind in ("raw uint8", "labels uint64, 2 channels", "raw .gz", "jpeg", "shards gzip, gzip"):
    add(
        "f11 file in place of the folder",
        kind,
        lambda folder: _file_for_folder(folder),
        words="is a file",
        names=("/s",),
    )
    in_place("f03 link loop", kind, lambda path: path.symlink_to(path.name), names=("/s/",))
    in_place("f05 fifo", kind, os.mkfifo, words="FIFO", names=("/s/",))
    in_place("f06 device", kind, lambda path: path.symlink_to("/dev/zero"), words="device", names=("/s/",))
    in_place("f06 empty device", kind, lambda path: path.symlink_to("/dev/null"), words="device", names=("/s/",))
    add("f07 lock of another program", kind, lambda folder: _beside(folder, ".__lock"), "exact")
    add("f08 stray files", kind, lambda folder: _beside(folder, "#1"), "exact")
if os.geteuid():  # root reads everything; `test_faults` has this case for root, who becomes nobody
    in_place("f09 no permission", "raw uint8", lambda path: path.touch(mode=0), words="Permission")
add("f10 folder of the scale is a link to nothing", "raw uint8", lambda folder: _scale_folder(folder), names=("/s",))


def _beside(folder: Path, suffix: str) -> None:
    path = first(folder)
    path.with_name(path.name + suffix).write_bytes(b"1")
    (folder / "s" / "notes.txt").write_text("mine")


def _file_for_folder(folder: Path) -> None:
    (folder / "s").rename(folder / "t")
    (folder / "s").write_text("mine")


def _scale_folder(folder: Path) -> None:
    (folder / "s").rename(folder / "t")
    (folder / "s").symlink_to("nowhere")
