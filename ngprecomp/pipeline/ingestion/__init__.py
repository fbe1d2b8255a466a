"""A source at its place in a volume."""
