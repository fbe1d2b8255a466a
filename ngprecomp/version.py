"""The version of the package, for what it writes and prints."""

__version__ = "0.1.0"
