"""Files and arrays that volumes are made from: shape, dtype, axes, voxel size, a box of voxels."""
