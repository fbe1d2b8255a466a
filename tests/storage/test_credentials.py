"""Who asks: the environment, files of the AWS tools, or nobody; the metadata service only when it is told."""

from __future__ import annotations

import pytest

from ngprecomp.errors import OptionError
from ngprecomp.storage.address import parse_address
from ngprecomp.storage.credentials import azure_settings, google_settings, s3_settings

UNSIGNED = {"skip_signature": True}
KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}


def of_s3(url, environment):
    return s3_settings(parse_address(url), environment)


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        ("s3://b/v", {}, UNSIGNED),
        ("s3://b/v", {"AWS_ACCESS_KEY_ID": "id"}, UNSIGNED),
        ("s3://b/v", KEYS, {}),
        ("s3://b/v?credentials=anonymous", KEYS, UNSIGNED),
        ("s3://b/v?credentials=metadata", {}, {}),
        ("s3://b/v", {"AWS_WEB_IDENTITY_TOKEN_FILE": "f", "AWS_ROLE_ARN": "r"}, {}),
        ("s3://b/v", {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"}, {}),
        ("s3://b/v", {"AWS_REGION": "r"}, {**UNSIGNED, "region": "r"}),
        ("s3://b/v", {"AWS_DEFAULT_REGION": "r"}, {**UNSIGNED, "region": "r"}),
        ("s3://b/v?region=x", {"AWS_REGION": "r"}, {**UNSIGNED, "region": "x"}),
        ("s3://b/v", {"AWS_ENDPOINT_URL": "http://h"}, {**UNSIGNED, "endpoint": "http://h"}),
        (
            "s3://b/v",
            {"AWS_ENDPOINT_URL": "http://h", "AWS_ENDPOINT_URL_S3": "http://s"},
            {**UNSIGNED, "endpoint": "http://s"},
        ),
        ("s3+https://own/b/v", {"AWS_ENDPOINT_URL": "http://h"}, {**UNSIGNED, "endpoint": "https://own"}),
    ],
)
def test_s3(tmp_path, url, environment, expected):
    assert of_s3(url, {"HOME": str(tmp_path), **environment}) == {"region": None, **expected}


@pytest.fixture
def home(tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = 1\naws_secret_access_key = a%2\n"
        "[lab]\naws_access_key_id = 3\naws_secret_access_key = 4\naws_session_token = 5\n"
    )
    (tmp_path / ".aws" / "config").write_text(
        "[default]\nregion = here\n"
        "[profile lab]\nregion = there\nendpoint_url = http://lab\n"
        "[profile sso]\nregion = x\n"
    )
    return str(tmp_path)


def test_profiles(home):
    assert of_s3("s3://b/v", {"HOME": home}) == {"access_key_id": "1", "secret_access_key": "a%2", "region": "here"}
    assert of_s3("s3://b/v", {"HOME": home, "AWS_PROFILE": "lab"}) == {
        "access_key_id": "3",
        "secret_access_key": "4",
        "session_token": "5",
        "region": "there",
        "endpoint": "http://lab",
    }
    assert of_s3("s3://b/v", {"HOME": home, **KEYS}) == {"region": "here"}
    assert of_s3("s3://b/v?credentials=anonymous", {"HOME": home}) == {**UNSIGNED, "region": "here"}
    with pytest.raises(OptionError, match="AWS_PROFILE=sso holds no access key"):
        of_s3("s3://b/v", {"HOME": home, "AWS_PROFILE": "sso"})


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        ("gs://b/v", {}, UNSIGNED),
        ("gs://b/v", {"GOOGLE_APPLICATION_CREDENTIALS": "key.json"}, {}),
        ("gs://b/v?credentials=anonymous", {"GOOGLE_APPLICATION_CREDENTIALS": "key.json"}, UNSIGNED),
        ("gs://b/v?credentials=metadata", {}, {}),
    ],
)
def test_google(tmp_path, url, environment, expected):
    assert google_settings(parse_address(url), {"HOME": str(tmp_path), **environment}) == expected


def test_the_login_of_gcloud(tmp_path):
    login = tmp_path / ".config" / "gcloud" / "application_default_credentials.json"
    login.parent.mkdir(parents=True)
    login.write_text("{}")
    assert google_settings(parse_address("gs://b/v"), {"HOME": str(tmp_path)}) == {}


def test_azure():
    account = {"AZURE_STORAGE_ACCOUNT_NAME": "lab"}
    address = parse_address("az://container/v")
    assert azure_settings(address, account) == UNSIGNED
    assert azure_settings(address, {**account, "AZURE_STORAGE_ACCOUNT_KEY": "k"}) == {}
    assert azure_settings(address, {**account, "AZURE_STORAGE_SAS_TOKEN": "k"}) == {}
    with pytest.raises(OptionError, match="AZURE_STORAGE_ACCOUNT_NAME"):
        azure_settings(address, {})


def test_the_region_of_a_bucket(server):
    bucket_client = pytest.importorskip("ngprecomp.storage.bucket_client")
    server.headers = {"x-amz-bucket-region": "eu-west-1"}
    server.objects["/here"] = b""
    assert bucket_client.bucket_region("here", server.url) == "eu-west-1"
    server.faults = [403]
    assert bucket_client.bucket_region("here", server.url) == "us-east-1"
    assert bucket_client.bucket_region("here", "http://127.0.0.1:9") == "us-east-1"
