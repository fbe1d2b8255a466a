from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ngprecomp.sources.sharing import share


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_every_item_is_worked_on_once(threads: int) -> None:
    done: list[int] = []
    if threads:
        with ThreadPoolExecutor(threads) as pool:
            share(done.append, range(1000), pool)
    else:
        share(done.append, range(1000), None)
    assert sorted(done) == list(range(1000))


def test_a_task_may_share_the_pool_it_runs_in() -> None:
    done: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        barrier = threading.Barrier(2)

        def task() -> None:
            barrier.wait(10)  # both threads of the pool are busy with tasks that share work
            share(done.append, range(50), pool)

        for future in [pool.submit(task), pool.submit(task)]:
            future.result(10)
    assert sorted(done) == sorted([*range(50), *range(50)])


@pytest.mark.parametrize("items", [[], [1]])
def test_few_items(items: list[int]) -> None:
    done: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        share(done.append, items, pool)
    assert done == items


def test_the_first_error_ends_the_work() -> None:
    done: list[int] = []

    def work(item: int) -> None:
        done.append(item)
        raise ValueError(f"item {item}")

    with ThreadPoolExecutor(2) as pool, pytest.raises(ValueError, match="item"):
        share(work, range(10_000), pool)
    assert len(done) < 10


def test_an_error_in_a_helper_is_raised() -> None:
    here = threading.current_thread()
    helping = threading.Event()

    def work(item: int) -> None:
        if threading.current_thread() is here:
            assert helping.wait(10)
        else:
            helping.set()
            raise ValueError("in a helper")

    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="in a helper"):
        share(work, range(2), pool)
