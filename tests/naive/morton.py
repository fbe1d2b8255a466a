"""Compressed Morton codes bit by bit, with Python's integers."""


def bits_of(grid_shape):
    return [0 if count < 2 else len(bin(count - 1)) - 2 for count in grid_shape]


def code_of(position, grid_shape):
    bits = bits_of(grid_shape)
    code = place = 0
    for i in range(max(bits)):
        for axis in range(3):
            if i < bits[axis]:
                code |= (position[axis] >> i & 1) << place
                place += 1
    return code


def position_of(code, grid_shape):
    bits = bits_of(grid_shape)
    position = [0, 0, 0]
    for i in range(max(bits)):
        for axis in range(3):
            if i < bits[axis]:
                position[axis] |= (code & 1) << i
                code >>= 1
    return position
