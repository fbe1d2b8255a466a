"""Arrays of voxels to bytes of one chunk and back; constant tables, no metadata, no stores."""
