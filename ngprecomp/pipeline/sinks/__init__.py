"""Files that a cutout can become."""
