"""Rounds: several scales from one reading, cut into footprints and cells."""
