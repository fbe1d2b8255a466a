"""All cases, one after the other, in a process that is watched: what came of each."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.faults.volumes import KINDS, Good, make

if TYPE_CHECKING:
    from tests.faults.cases import Case

ROOT = Path(__file__).parents[2]
SECONDS = 5.0
START_SECONDS = 120.0


@dataclass(frozen=True)
class Result:
    """What came of a case: ``outcome`` is one of exact, error, policy, unseen, zeros, wrong, dies, hangs."""

    case: Case
    outcome: str
    detail: str = ""
    seconds: float = 0.0
    nbytes: int = 0

    @property
    def as_it_must(self) -> bool:
        """Whether it is what the case asks for."""
        return self.outcome == self.case.outcome and not self.detail


class Reader:
    """A reading process; it is begun again when it dies or hangs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.goods = {number: make(name) for number, name in enumerate(KINDS)}
        self.numbers = {good.name: number for number, good in self.goods.items()}
        for number, good in self.goods.items():
            write(good, folder / "good" / str(number) / "volume")
            np.save(folder / "good" / str(number) / "voxels.npy", good.voxels)
        self._process: subprocess.Popen[str] | None = None

    def run(self, case: Case) -> Result:
        """Damage a copy of the volume, let it be read, and judge."""
        number = self.numbers[case.kind]
        volume = self.folder / "damaged" / str(number) / "volume"
        shutil.rmtree(volume, ignore_errors=True)
        write(self.goods[number], volume)
        case.damage(volume)
        process = self._process if self._process and self._process.poll() is None else self._begin()
        answer = self._ask(process, {"folder": str(volume), "box": case.box})
        if answer is None:
            process.kill()
            dead = process.wait() != -9
            return Result(case, "dies" if dead else "hangs", f"exit status {process.returncode}")
        return judged(case, answer)

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()

    def _begin(self) -> subprocess.Popen[str]:
        self.close()
        folders = [str(self.folder / "good" / str(number) / "volume") for number in self.goods]
        # One arena: every further one would reserve addresses that nobody uses.
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "MALLOC_ARENA_MAX": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.reader", *folders],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        assert self._answer(self._process, START_SECONDS) == {"ready": True}, "the good volumes cannot be read"
        return self._process

    def _ask(self, process: subprocess.Popen[str], job: dict[str, Any]) -> dict[str, Any] | None:
        assert process.stdin is not None
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        return self._answer(process, 2 * SECONDS)

    def _answer(self, process: subprocess.Popen[str], seconds: float) -> dict[str, Any] | None:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        line = process.stdout.readline() if ready else ""
        return json.loads(line) if line else None


def write(good: Good, folder: Path) -> None:
    """Write the objects of a good volume into a folder."""
    for key, data in good.objects.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def judged(case: Case, answer: dict[str, Any]) -> Result:
    """Return the outcome of a read, with what is not as the case asks for."""
    outcome, detail = _outcome(case, answer)
    seconds, nbytes = answer["seconds"], answer["nbytes"]
    if seconds > SECONDS:
        detail = f"took {seconds:.1f} s"
    return Result(case, outcome, detail, seconds, nbytes)


def _outcome(case: Case, answer: dict[str, Any]) -> tuple[str, str]:
    if "error" in answer:
        message = f"{answer['error']}: {answer['message']}"
        named = any(name in message for name in case.names) and case.words in message
        return "error", "" if answer["ours"] and named else message
    if answer["absent"]:
        strict = answer["strict"]
        counted = answer["absent"] == case.absent and strict.get("error") == "MissingChunkError"
        return "policy" if answer["zeros"] else "wrong", "" if counted else f"{answer}"
    if answer["same"]:
        return "exact", ""
    if case.outcome == "unseen":
        return "unseen", ""
    return "zeros" if answer["zeros"] else "wrong", f"{answer}"
