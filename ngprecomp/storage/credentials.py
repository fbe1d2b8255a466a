"""Who asks: the settings of an object store's client from the environment that its own tools use.

Where nothing is configured requests are not signed, which public buckets answer. The metadata service of the machine,
which may not exist and then takes long to not answer, is asked only if the address says so.
"""

from __future__ import annotations

import configparser
import os
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ngprecomp.storage.address import Address

Settings = dict[str, Any]

# Each tuple is enough to sign requests; the client reads these variables itself.
_AWS = (
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI",),
)
_GOOGLE = (
    ("GOOGLE_APPLICATION_CREDENTIALS",),
    ("GOOGLE_SERVICE_ACCOUNT",),
    ("GOOGLE_SERVICE_ACCOUNT_PATH",),
    ("GOOGLE_SERVICE_ACCOUNT_KEY",),
)
_AZURE = (
    ("AZURE_STORAGE_ACCOUNT_KEY",),
    ("AZURE_STORAGE_ACCESS_KEY",),
    ("AZURE_STORAGE_SAS_KEY",),
    ("AZURE_STORAGE_SAS_TOKEN",),
    ("AZURE_STORAGE_TOKEN",),
    ("AZURE_STORAGE_CLIENT_SECRET",),
    ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"),
    ("AZURE_FEDERATED_TOKEN_FILE",),
    ("AZURE_USE_AZURE_CLI",),
)
_GOOGLE_LOGIN = ".config/gcloud/application_default_credentials.json"


def s3_settings(address: Address, environment: Mapping[str, str]) -> Settings:
    """Return endpoint, region and credentials for an S3 bucket.

    They come from the address, the variables that begin with ``AWS_``, and the profile ``AWS_PROFILE`` in the files
    below ``~/.aws``, in this order. The region is None where none of them names it.

    Raises
    ------
    OptionError
        The profile that the environment names holds no access key.
    """
    profile = _aws_profile(environment)
    settings = _s3_credentials(address, environment, profile)
    endpoint = (
        address.endpoint
        or environment.get("AWS_ENDPOINT_URL_S3")
        or environment.get("AWS_ENDPOINT_URL")
        or profile.get("endpoint_url")
    )
    settings["region"] = (
        address.region
        or environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
        or profile.get("region")
    )
    return {**settings, "endpoint": endpoint} if endpoint else settings


def google_settings(address: Address, environment: Mapping[str, str]) -> Settings:
    """Return how requests to a Google bucket are signed: ``GOOGLE_APPLICATION_CREDENTIALS`` or the login of gcloud."""
    login = os.path.join(environment.get("HOME", ""), _GOOGLE_LOGIN)
    return _signed(address, _configured(_GOOGLE, environment) or os.path.isfile(login))


def azure_settings(address: Address, environment: Mapping[str, str]) -> Settings:
    """Return how requests to an Azure container are signed, by the variables that begin with ``AZURE_``.

    Raises
    ------
    OptionError
        They do not name the account.
    """
    if not environment.get("AZURE_STORAGE_ACCOUNT_NAME"):
        raise OptionError(f"{address.url}: the account is named by the environment variable AZURE_STORAGE_ACCOUNT_NAME")
    return _signed(address, _configured(_AZURE, environment))


def _signed(address: Address, configured: bool) -> Settings:
    signs = configured if not address.credentials else address.credentials == "metadata"
    return {} if signs else {"skip_signature": True}


def _s3_credentials(address: Address, environment: Mapping[str, str], profile: Mapping[str, str]) -> Settings:
    if address.credentials or _configured(_AWS, environment):
        return _signed(address, configured=True)
    if "aws_access_key_id" in profile and "aws_secret_access_key" in profile:
        keys = {"access_key_id": profile["aws_access_key_id"], "secret_access_key": profile["aws_secret_access_key"]}
        token = profile.get("aws_session_token")
        return {**keys, "session_token": token} if token else keys
    if "AWS_PROFILE" in environment:
        raise OptionError(
            f"{address.url}: the profile AWS_PROFILE={environment['AWS_PROFILE']} holds no access key; "
            'eval "$(aws configure export-credentials --format env)" hands on those of a login'
        )
    return _signed(address, configured=False)


def _configured(ways: tuple[tuple[str, ...], ...], environment: Mapping[str, str]) -> bool:
    return any(all(environment.get(name) for name in names) for names in ways)


def _aws_profile(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the members of the chosen profile in both files of the AWS tools; empty where there are none."""
    name = environment.get("AWS_PROFILE") or "default"
    home = os.path.join(environment.get("HOME", ""), ".aws")
    config = environment.get("AWS_CONFIG_FILE") or os.path.join(home, "config")
    keys = environment.get("AWS_SHARED_CREDENTIALS_FILE") or os.path.join(home, "credentials")
    found: dict[str, str] = {}
    for path, section in ((config, name if name == "default" else f"profile {name}"), (keys, name)):
        parser = configparser.RawConfigParser()
        parser.read(path)
        if parser.has_section(section):
            found.update(parser.items(section))
    return found
