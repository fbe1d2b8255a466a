"""What the specification says, as pure values and arithmetic: no files, sockets, threads or compression."""
