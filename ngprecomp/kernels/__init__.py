"""Compiled loops over voxels and chunk keys; the only floor that imports numba."""
