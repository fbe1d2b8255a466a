"""Slices that are files of their own."""
