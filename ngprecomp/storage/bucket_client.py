"""Clients of S3, Google and Azure buckets and of plain HTTP servers."""

from __future__ import annotations

import os
import urllib.request
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError

from obstore.store import AzureStore, GCSStore, HTTPStore, S3Store

from ngprecomp.storage.credentials import azure_settings, google_settings, s3_settings
from ngprecomp.storage.object_client import ObjectClient

if TYPE_CHECKING:
    from ngprecomp.storage.address import Address

RETRIES: Any = {"max_retries": 10, "retry_timeout": timedelta(minutes=3)}
"""For servers that answer 429 or 5xx, cut a body or do not answer, with growing pauses."""
# A part of 16 MiB in five minutes is 55 kB/s; obstore's 30 seconds would ask for ten times that.
CLIENT: Any = {"timeout": timedelta(minutes=5), "connect_timeout": timedelta(seconds=10)}
_S3_SERVER = "https://s3.amazonaws.com"
_DEFAULT_REGION = "us-east-1"


def bucket_client(address: Address) -> ObjectClient:
    """Return a client for a bucket, with what the environment says of credentials.

    Raises
    ------
    OptionError
        The environment lacks or contradicts something.
    """
    if address.kind == "s3":
        store: Any = _s3(address)
    else:
        client = {**CLIENT, "allow_http": True}  # only where the environment names such an endpoint
        options: Any = {"client_options": client, "retry_config": RETRIES}
        if address.kind == "gs":
            store = GCSStore(address.bucket, **google_settings(address, os.environ), **options)
        else:
            store = AzureStore(address.bucket, **azure_settings(address, os.environ), **options)
    return ObjectClient(f"{address.kind}://{address.bucket}/", store, address.forbidden == "missing")


def http_client(server: str) -> ObjectClient:
    """Return a client for ``http://host:port`` or ``https://host:port``."""
    client: Any = {**CLIENT, "allow_http": server.startswith("http:")}
    return ObjectClient(f"{server}/", HTTPStore.from_url(server, client_options=client, retry_config=RETRIES))


def _s3(address: Address) -> S3Store:
    settings = s3_settings(address, os.environ)
    endpoint = settings.get("endpoint", "")
    settings["region"] = settings["region"] or (_DEFAULT_REGION if endpoint else bucket_region(address.bucket))
    client: Any = {**CLIENT, "allow_http": endpoint.startswith("http:")}
    return S3Store(address.bucket, **settings, client_options=client, retry_config=RETRIES)


def bucket_region(bucket: str, server: str = _S3_SERVER) -> str:
    """Return the region that a bucket of Amazon's lies in; it is told to everybody, also to whom it is closed."""
    request = urllib.request.Request(f"{server}/{bucket}", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            headers = answer.headers
    except HTTPError as refusal:
        headers = refusal.headers
    except URLError:  # the first request for an object will say what is wrong
        return _DEFAULT_REGION
    return headers.get("x-amz-bucket-region") or _DEFAULT_REGION
