"""Which bucket a URL names, and where in it: ``s3://bucket/volume?region=eu-west-1``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode

from ngprecomp.errors import OptionError

Kind = Literal["s3", "gs", "az"]
ZIP = "|zip:"  # between the address of a zip file and a folder in it

SCHEMES: dict[str, tuple[Kind, str]] = {
    "s3": ("s3", ""),
    "s3+http": ("s3", "http"),
    "s3+https": ("s3", "https"),
    "gs": ("gs", ""),
    "az": ("az", ""),
}
_WORDS = {"credentials": ("anonymous", "metadata"), "forbidden": ("missing",)}


@dataclass(frozen=True, slots=True)
class Address:
    """A folder of a bucket (Azure calls it a container); `prefix` has no slash at its ends.

    `endpoint` is the server of an S3 that is not Amazon's, `region` where the bucket lies. `credentials` are those of
    the environment, or none (``anonymous``), or those that the machine's metadata service gives out (``metadata``).
    `forbidden` is ``missing`` for an S3 bucket that does not let us list and therefore tells 403 for what is absent.
    """

    kind: Kind
    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    credentials: str = ""
    forbidden: str = ""

    @property
    def url(self) -> str:
        """The address as a URL, without a slash at its end."""
        scheme, slash, host = self.endpoint.partition("://")
        start = f"{self.kind}+{scheme}{slash}{host}/{self.bucket}" if self.endpoint else f"{self.kind}://{self.bucket}"
        path = "/" + quote(self.prefix, safe="/:@!$&'()*,;=") if self.prefix else ""
        settings = {name: getattr(self, name) for name in ("region", *_WORDS) if getattr(self, name)}
        return start + path + (f"?{urlencode(settings)}" if settings else "")


def parse_address(url: str) -> Address:
    """Return the address that a URL of one of `SCHEMES` means; its path is percent-decoded.

    Raises
    ------
    OptionError
        It names no bucket, or has a setting that is not known.

    Examples
    --------
    >>> address = parse_address("s3+http://127.0.0.1:9000/bucket/a%20b/?region=eu-west-1")
    >>> address.endpoint, address.bucket, address.prefix, address.region
    ('http://127.0.0.1:9000', 'bucket', 'a b', 'eu-west-1')
    """
    scheme, _, rest = url.partition("://")
    kind, protocol = SCHEMES[scheme.lower()]
    path, _, query = rest.partition("?")
    host, _, path = path.partition("/") if protocol else ("", "", path)
    bucket, _, prefix = path.partition("/")
    if "#" in rest or not bucket or (protocol and not host):
        wanted = f"{scheme}://{'HOST/' if protocol else ''}{'CONTAINER' if kind == 'az' else 'BUCKET'}/PATH"
        raise OptionError(f"{url} names no bucket: expected {wanted}, with %23 for '#'")
    settings = dict(parse_qsl(query, keep_blank_values=True))
    for name, value in settings.items():
        if not (value in _WORDS.get(name, ()) or (name == "region" and kind == "s3" and value)):
            raise OptionError(
                f"{url}: {name}={value} is no setting of a bucket: expected region=NAME (of S3), "
                "credentials=anonymous, credentials=metadata or forbidden=missing; a '?' in a name is written %3F"
            )
    endpoint = f"{protocol}://{host}" if protocol else ""
    return Address(kind, bucket, unquote(prefix).strip("/"), endpoint, **settings)
