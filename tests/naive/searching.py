"""Four bytes in others, place by place."""


def occurs(word, data):
    """Return whether `word` lies anywhere in `data`."""
    return any(bytes(data[at : at + 4]) == word for at in range(len(data) - 3))
