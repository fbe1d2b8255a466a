"""Coarser scales of a volume that exists."""
