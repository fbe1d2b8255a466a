"""Links to volumes that a web server or a bucket shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import OptionError
from ngprecomp.format.kvstore import parse_url
from ngprecomp.format.spec import parse_spec
from ngprecomp.viewing.state import Shown, fragment, names_of, state_of
from ngprecomp.volume.handle import Volume
from ngprecomp.volume.opening import handle_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ngprecomp.volume.opening import SpecLike

BASE = "https://neuroglancer-demo.appspot.com"
HOSTED = re.compile(r"(https?|gs|s3)://", re.IGNORECASE)


def link(
    *volumes: Volume | SpecLike, base: str = BASE, url: str | Sequence[str] | None = None, read: bool = True
) -> str:
    """Return a link that shows volumes in a Neuroglancer, with contrast, segments, position and zoom set.

    Parameters
    ----------
    volumes
        What `open` takes; layers in this order, the first at the bottom.
    base
        The address of a Neuroglancer.
    url
        Where the viewer finds the volumes, one for each: ``http(s)://``, ``gs://`` or ``s3://``. Needed for volumes
        that lie elsewhere as we see them, such as in a folder.
    read
        Whether to look at the voxels. Without that the viewer finds out by itself what a volume is, and shows all
        values of an image from the smallest to the largest that its type has.

    Raises
    ------
    OptionError
        A volume has no URL that the viewer could read.

    Examples
    --------
    >>> import ngprecomp as ng
    >>> vol = ng.create("memory://doc/link", shape=(64, 64, 8), dtype="uint8", resolution=(8, 8, 40))
    >>> ng.link(vol, url="https://data.example.org/em").partition("#!")[0]
    'https://neuroglancer-demo.appspot.com/'
    """
    return f"{base.rstrip('/')}/{fragment(link_state(*volumes, url=url, read=read))}"


def link_state(
    *volumes: Volume | SpecLike, url: str | Sequence[str] | None = None, read: bool = True
) -> dict[str, Any]:
    """Return the state of a link, a JSON object; parameters and errors are those of `link`."""
    given = [url] if isinstance(url, str) else url
    urls = [_url(volume) for volume in volumes] if given is None else list(given)
    if len(urls) != len(volumes):
        raise OptionError(f"expected a URL for each of {len(volumes)} volumes, found {len(urls)}")
    if not volumes:
        raise OptionError("there is no volume to link: give one or more")
    places = [parse_url(place).rstrip("/") for place in urls]
    for place in places:
        if not HOSTED.match(place):
            raise OptionError(
                f"no web page can read {place}: say where the volume is hosted (url=, --url), or view it from here"
            )
    opened = [handle_of(volume) if read else None for volume in volumes]
    return state_of([Shown(*parts) for parts in zip(names_of(places), places, opened, strict=True)])


def _url(volume: Volume | SpecLike) -> str:
    return volume.url if isinstance(volume, Volume) else parse_spec(volume).url
