"""What may be opened, created or deleted (TensorStore's open mode)."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ngprecomp.errors import OptionError


@dataclass(frozen=True, slots=True)
class OpenMode:
    """What `open` may do; without any wish it opens what exists.

    With ``open`` and ``create`` it creates what does not exist. ``delete_existing`` first removes everything
    under the volume's prefix. ``assume_metadata`` opens without reading or writing ``info``, from what the spec
    says; ``assume_cached_metadata`` does the same.
    """

    open: bool = False
    create: bool = False
    delete_existing: bool = False
    assume_metadata: bool = False
    assume_cached_metadata: bool = False

    @property
    def assumes(self) -> bool:
        """Whether the metadata are made from the spec alone."""
        return self.assume_metadata or self.assume_cached_metadata


def open_mode(**wishes: bool | None) -> OpenMode | None:
    """Return the mode that is asked for; None where nothing is, since false asks for nothing.

    Raises
    ------
    OptionError
        The wishes do not go together.

    Examples
    --------
    >>> open_mode(create=True, open=None)
    OpenMode(open=False, create=True, delete_existing=False, assume_metadata=False, assume_cached_metadata=False)
    >>> open_mode(open=False) is None, open_mode(assume_metadata=True).open
    (True, True)
    """
    asked = {name: True for name, wish in wishes.items() if wish}
    if not asked:
        return None
    mode = OpenMode(**{"open": "create" not in asked, **asked})
    if mode.delete_existing and not mode.create:
        raise OptionError("delete_existing needs create: only what is created anew may replace what exists")
    if mode.delete_existing and mode.open:
        raise OptionError("delete_existing and open exclude each other: what is deleted cannot be opened")
    if mode.assumes and not mode.open:
        raise OptionError("assume_metadata and assume_cached_metadata need open: they open without reading")
    return mode


MODES = tuple(asdict(OpenMode()))
"""The names of the members of a spec, and keywords, that ask for a mode."""
