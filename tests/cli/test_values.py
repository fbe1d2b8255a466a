from argparse import ArgumentTypeError

import pytest

from ngprecomp.cli import values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8,8,40", (8, 8, 40)),
        ("4.6,4.6,50", (4.6, 4.6, 50)),
        ("4nm,4nm,0.04um", (4, 4, 40)),
        ("4,4,40nm", (4, 4, 40)),
        ("1e-3mm, .5 µm, 5e2", None),
        ("1e-3mm, .5 µm, 5e2nm", (1000, 500, 500)),
        ("650", (650, 650, 650)),
        ("0.65um", (650, 650, 650)),
        ("-4,4,4", (-4, 4, 4)),
        ("0.5,0.5,2um", (500, 500, 2000)),
        ("4nm,4,40", None),
        ("4nm,4,40nm", None),
        ("4,4nm,40nm", None),
        ("4,4", None),
        ("4,4,40,1", None),
        ("4,x,40,1", None),
        ("4,4,forty", None),
        ("4,4,40parsec", None),
        ("", None),
    ],
)
def test_lengths(text, expected):
    if expected is None:
        with pytest.raises(ArgumentTypeError, match="found '"):
            values.lengths(text)
    else:
        assert values.lengths(text) == expected


@pytest.mark.parametrize("text", ["1,2", "1,2,3,4", "1.5,2,3", "a,b,c", ""])
def test_no_integers(text):
    with pytest.raises(ArgumentTypeError, match="expected integers x,y,z"):
        values.integers(text)


@pytest.mark.parametrize("text", ["0", "64,64", "64,-1,64", "64.0", "x", ""])
def test_no_sizes(text):
    with pytest.raises(ArgumentTypeError, match="at least 1"):
        values.sizes(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:1,2:3,4:5", [(0, 1), (2, 3), (4, 5)]),
        ("-5:-1,:3,-7:", [(-5, -1), (None, 3), (-7, None)]),
        (":,:,:", [(None, None)] * 3),
        (" 0 : 1 , 2:3,4:5", [(0, 1), (2, 3), (4, 5)]),
    ],
)
def test_box(text, expected):
    assert values.box(text) == tuple(slice(*bounds) for bounds in expected)


@pytest.mark.parametrize("text", ["0:1,2:3", "0:1,2:3,4", "0:1,2:3,4:5,6:7", "0:1,2:3,4:5:2", "a:b,:,:", ""])
def test_no_box(text):
    with pytest.raises(ArgumentTypeError, match="expected a box x0:x1"):
        values.box(text)


def test_json_object():
    assert values.json_object('{"hash": "identity"}') == {"hash": "identity"}
    for text in ("", "{", "[1]", "3"):
        with pytest.raises(ArgumentTypeError, match="expected a JSON object, found"):
            values.json_object(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20,-5,7", (20, -5, 7)),
        ("80nm,80nm,400nm", "80nm,80nm,400nm"),
        ("0,0,0.4um", "0,0,0.4um"),
        ("1.5,0,0", None),
        ("80nm,80,400", None),
        ("1,2", None),
        ("a,b,c", None),
        ("", None),
    ],
)
def test_offset(text, expected):
    if expected is None:
        with pytest.raises(ArgumentTypeError, match="found '"):
            values.offset(text)
    else:
        assert values.offset(text) == expected


@pytest.mark.parametrize("text", ["1", "1,2,3", "a,b", "", "1nm,2nm"])
def test_no_pair(text):
    with pytest.raises(ArgumentTypeError, match="expected two numbers"):
        values.pair(text)
