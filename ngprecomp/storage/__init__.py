"""Bytes under keys behind one small protocol; `locate.open_store` finds the store of a path or URL."""
