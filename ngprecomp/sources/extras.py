"""Libraries that only some sources need and that an extra of the package installs."""

from __future__ import annotations

import importlib
from typing import Any

from ngprecomp.errors import SourceError


def needed(module: str, extra: str, what: str) -> Any:
    """Import a module that reading `what` needs.

    Raises
    ------
    SourceError
        It is not installed; the message says how to get it.

    Examples
    --------
    >>> needed("no_such_reader", "nifti", "NIfTI")
    Traceback (most recent call last):
        ...
    ngprecomp.errors.SourceError: reading NIfTI needs no_such_reader: pip install 'ngprecomp[nifti]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise SourceError(f"reading {what} needs {package}: pip install 'ngprecomp[{extra}]'") from error
