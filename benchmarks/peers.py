"""The packages that are measured beside ours. Each may be missing: its column stays empty then."""

from __future__ import annotations

import importlib.metadata
import importlib.util

# The module that is imported, and the package that pip installs.
PEERS = {
    "compressed_segmentation": "compressed-segmentation",
    "tensorstore": "tensorstore",
    "tinybrain": "tinybrain",
    "cloudvolume": "cloud-volume",
    "igneous": "igneous-pipeline",
    "neuroglancer_scripts": "neuroglancer-scripts",
}
OWN = ("numpy", "numba", "scipy", "h5py", "tifffile", "imagecodecs", "isal")


def installed(*modules: str) -> bool:
    """Return whether all these modules can be imported."""
    return all(importlib.util.find_spec(module) is not None for module in modules)


def versions() -> dict[str, str]:
    """Return the versions of ours, of what we stand on and of the peers, or "not installed"."""
    return {package: _version(package) for package in ("ngprecomp", *OWN, *PEERS.values())}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
