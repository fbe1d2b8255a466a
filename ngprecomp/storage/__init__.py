"""Bytes under keys behind one small protocol."""
