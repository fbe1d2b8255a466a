"""What check looks at, finds and repairs."""
