"""One scale of a volume as something to open, create, slice and assign."""
