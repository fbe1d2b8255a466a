"""The command line: arguments in, one call, one printed result."""
