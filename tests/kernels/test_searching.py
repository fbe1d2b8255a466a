from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.kernels.searching import occurs
from tests.naive.searching import occurs as naive

FEW_VALUES = st.lists(st.sampled_from([0, 1, 128, 255]), max_size=70).map(bytes)


@settings(max_examples=50, deadline=None)
@given(data=FEW_VALUES, word=st.lists(st.sampled_from([0, 1, 128, 255]), min_size=4, max_size=4).map(bytes))
def test_equals_the_naive_twin(data, word):
    assert occurs(word, data) == naive(word, data)


def test_every_place_is_looked_at():
    for count in (4, 5, 7, 8, 131):
        for at in range(count - 3):
            data = bytearray(count)
            data[at : at + 4] = b"\1\2\3\4"
            assert occurs(b"\1\2\3\4", data)
            assert occurs(b"\1\2\3\4", memoryview(bytes(data))[at:])
            assert not occurs(b"\1\2\3\4", memoryview(bytes(data))[: at + 3])
            assert not occurs(b"\1\2\3\5", bytes(data))


def test_too_few_bytes():
    assert not any(occurs(b"\0\0\0\0", bytes(count)) for count in range(4))
