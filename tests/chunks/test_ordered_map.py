import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ngprecomp.chunks.ordered_map import map_in_order


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_results_keep_the_order_of_the_items(pool):
    barrier = threading.Barrier(2)

    def slow_first(item):
        if item < 2:
            barrier.wait()
        return -item

    assert list(map_in_order(slow_first, range(20), pool, 4)) == [-item for item in range(20)]


def test_without_a_pool_the_caller_works():
    threads = set(map_in_order(lambda _: threading.get_ident(), range(3), None, 1))
    assert threads == {threading.get_ident()}


def test_items_are_taken_as_results_are(pool):
    taken = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    results = map_in_order(abs, items(), pool, 3)
    for done in range(1, 10):
        next(results)
        assert len(taken) <= done + 3
    results.close()


def test_when_a_result_raises_nothing_runs_on(pool):
    begun, finished = [], []

    def work(item):
        begun.append(item)
        if item == 2:
            raise ZeroDivisionError
        finished.append(item)

    with pytest.raises(ZeroDivisionError):
        list(map_in_order(work, range(1000), pool, 8))
    assert sorted([*finished, 2]) == sorted(begun)
    assert len(begun) <= 10
