from ngprecomp.chunks.cache import LruCache


def test_the_least_recently_used_goes_first():
    cache = LruCache(10)
    for key in "abc":
        cache.add(key, key.upper(), 3)
    assert cache.get("a") == "A"
    cache.add("d", "D", 3)
    assert [cache.get(key) for key in "abcd"] == ["A", None, "C", "D"]


def test_a_value_that_is_added_again_counts_once():
    cache = LruCache(10)
    for _ in range(5):
        cache.add("a", "A", 6)
    cache.add("b", "B", 4)
    assert [cache.get("a"), cache.get("b")] == ["A", "B"]


def test_what_is_larger_than_the_cache_is_not_kept():
    cache = LruCache(10)
    cache.add("a", "A", 4)
    cache.add("b", "B", 11)
    assert [cache.get("a"), cache.get("b")] == ["A", None]
    nothing = LruCache(0)
    nothing.add("a", "A", 1)
    assert nothing.get("a") is None
