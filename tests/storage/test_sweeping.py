"""Temporaries of processes that died: they are removed, those of the living stay."""

from __future__ import annotations

import os
import subprocess
import sys

from ngprecomp.storage.local import LocalStore
from ngprecomp.storage.memory import MemoryStore
from ngprecomp.storage.temporary import is_abandoned, is_temporary, temporary_name

DIE = """
import os
from ngprecomp.storage.local import LocalStore
LocalStore({root!r}).writer("scale/0.shard").append(b"unfinished" * 100_000)
os._exit(1)
"""


def test_what_a_dead_process_left_is_removed(tmp_path):
    store = LocalStore(str(tmp_path))
    store.put("scale/1.shard", b"whole")
    subprocess.run([sys.executable, "-c", DIE.format(root=str(tmp_path))], check=False)
    left = [name for name in os.listdir(tmp_path / "scale") if is_temporary(name)]
    assert len(left) == 1
    assert is_abandoned(left[0])
    with store.writer("scale/2.shard") as writer:
        writer.append(b"mine")
        store.sweep("scale")
    assert sorted(os.listdir(tmp_path / "scale")) == ["1.shard", "2.shard"]


def test_an_empty_folder_goes_away(tmp_path):
    store = LocalStore(str(tmp_path / "volume"))
    (tmp_path / "volume" / "scale").mkdir(parents=True)
    store.sweep("scale")
    assert os.listdir(tmp_path) == []
    store.sweep("scale")
    MemoryStore("sweep").sweep("scale")


def test_temporaries_of_other_machines_and_living_processes_stay():
    mine = temporary_name("info", 0)
    assert not is_abandoned(mine)
    assert not is_abandoned(mine.replace(os.uname().nodename, "elsewhere").replace(f".{os.getpid()}.", ".999999999."))
    assert is_abandoned(mine.replace(f".{os.getpid()}.", ".4194305."))
    assert not is_abandoned("0.shard")
