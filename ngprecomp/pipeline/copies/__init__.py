"""What copy plans, carries and transfers."""
