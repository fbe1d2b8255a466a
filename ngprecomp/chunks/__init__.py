"""Encoded chunks by grid position, sharded or not behind one call."""
