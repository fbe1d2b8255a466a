"""The one decorator of all kernels: compiled lazily, cached on disk, run without the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba

if TYPE_CHECKING:
    from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile `function` when it is first called; the machine code is cached beside its source file.

    A kernel calls other kernels of its own file only: Numba's cache does not notice a change in another file.
    """
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def inline(function: F) -> F:
    """Compile `function` as a helper that LLVM always inlines into the kernels of the same file."""
    return cast("F", numba.njit(nogil=True, error_model="numpy", forceinline=True)(function))


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view that can be read only, which every input becomes without a copy: one compiled version per dtype."""
    view = array.view()
    view.flags.writeable = False
    return view
