"""Tables of labels and segments."""
