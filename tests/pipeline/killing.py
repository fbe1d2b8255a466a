"""Kill jobs at random moments."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import time

from tests.pipeline.killed import trees

JOURNAL = "ngprecomp-journal.json"


def kill_at_random_moments(job, arguments, folder, expected, kills):
    """Run ``job(source, destination, options)`` in processes of its own and kill them, by the signals that end one.

    `arguments` are source and options. Volumes that are finished on the way are compared and begun again; return the
    one that is not.
    """
    source, options = arguments
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([job.__module__, "ngprecomp.pipeline.convert", "ngprecomp.pipeline.copying"])
    volumes = (folder / f"out{number}" for number in itertools.count())
    out = next(volumes)
    while kills:
        process = processes.Process(target=job, args=(source, out, options))
        process.start()
        _wait_for(lambda out=out, process=process: (out / JOURNAL).exists() or not process.is_alive())
        process.join(rng.uniform(0, 0.3))
        if process.is_alive():
            how = rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
            os.kill(process.pid, how)
            kills -= 1
            process.join(20)
            assert process.exitcode in (-how, 0, 1)
            assert how == signal.SIGKILL or not [name for name in trees(out)[0] if name.endswith(".tmp")]
        else:
            assert process.exitcode == 0
        if (out / "info").exists() and not (out / JOURNAL).exists():
            assert_same(out, expected)
            out = next(volumes)
    return out


def assert_same(folder, expected):
    """Compare two volumes file by file."""
    found, wanted = trees(folder, expected)
    assert sorted(found) == sorted(wanted)
    assert [name for name in found if found[name] != wanted[name]] == []


def _wait_for(what):
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)
