"""Addresses of object stores, the settings of the clouds' own tools, and what stores answer."""

import pytest

from registry.errors import AccessError, NotFoundError, OfflineError, SettingsError, StorageError
from registry.stores import open_store
from registry.stores.base import LateStore, TransientError
from registry.stores.clouds import options
from registry.stores.places import Place
from registry.stores.refusals import refusal

KEYS = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home folder without settings of any cloud."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("s3://bucket", Place("s3", "", "bucket", "")),
        ("s3://bucket/a/b/", Place("s3", "", "bucket", "a/b")),
        ("gs://bucket/a", Place("gs", "", "bucket", "a")),
        ("s3+https://host:9000/bucket/a", Place("s3", "https://host:9000", "bucket", "a")),
        (
            "az+https://lab.blob.core.windows.net/models/a",
            Place("az", "https://lab.blob.core.windows.net", "models", "a", "lab"),
        ),
        ("az+http://127.0.0.1:1/lab/models/a", Place("az", "http://127.0.0.1:1/lab", "models", "a", "lab")),
    ],
)  # fmt: skip
def test_addresses(address, place):
    assert Place.parse(address) == place
    assert Place.parse(str(place)) == place
    store = open_store(address)
    assert isinstance(store, LateStore)
    assert store.location == str(place)


@pytest.mark.parametrize(
    "address",
    ["s3://", "s3://b/../c", "s3://b/a?x=1", "s3://me:secret@b/a", "s3+https://host", "s3+ftp://h/b",
     "az+https://host/account", "s3://b/a%2fb"],
)  # fmt: skip
def test_what_is_no_address(address):
    with pytest.raises(SettingsError) as problem:
        open_store(address)
    assert "secret" not in problem.value.message


def test_the_region_of_an_address():
    assert Place.parse("s3+https://s3.eu-central-1.amazonaws.com/b").region == "eu-central-1"
    assert Place.parse("s3+https://s3.example.org/b").region == ""


def test_without_credentials_requests_are_not_signed():
    assert options(Place.parse("s3://b"), {}) == {"region": "us-east-1", "skip_signature": True}
    assert options(Place.parse("gs://b"), {}) == {"skip_signature": True}
    found = options(Place.parse("az+https://lab.blob.core.windows.net/models"), {})
    assert found["skip_signature"]


def test_credentials_of_amazon(home):
    found = options(Place.parse("s3://b"), {**KEYS, "AWS_REGION": "eu-west-1"})
    assert found == {"region": "eu-west-1", "access_key_id": "me", "secret_access_key": "secret"}
    (home / ".aws").mkdir()
    (home / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = one\n[lab]\naws_access_key_id = two\n"
        "aws_secret_access_key = %s\naws_session_token = three\n"
    )
    (home / ".aws" / "config").write_text(
        "[profile lab]\nregion = eu-north-1\nendpoint_url = https://minio.example.org\n"
    )
    assert options(Place.parse("s3://b"), {})["access_key_id"] == "one"
    assert options(Place.parse("s3://b"), {"AWS_PROFILE": "lab"}) == {
        "region": "eu-north-1",
        "endpoint": "https://minio.example.org",
        "access_key_id": "two",
        "secret_access_key": "%s",
        "session_token": "three",
    }
    with pytest.raises(SettingsError, match="no such profile"):
        options(Place.parse("s3://b"), {"AWS_PROFILE": "other"})
    (home / ".aws" / "config").write_text("no section")
    with pytest.raises(SettingsError, match="cannot be read"):
        options(Place.parse("s3://b"), {})


def test_the_server_of_amazon():
    place = Place.parse("s3://b")
    assert options(place, {"AWS_ENDPOINT_URL": "https://one"})["endpoint"] == "https://one"
    both = {"AWS_ENDPOINT_URL": "https://one", "AWS_ENDPOINT_URL_S3": "https://two"}
    assert options(place, both)["endpoint"] == "https://two"
    assert options(Place.parse("s3+https://three/b"), both)["endpoint"] == "https://three"


def test_credentials_of_azure():
    place = Place.parse("az://models/a")
    with pytest.raises(SettingsError, match="storage account") as problem:
        options(place, {})
    assert "ACCOUNT.blob.core.windows.net/models/a" in problem.value.hint
    given = {"AZURE_STORAGE_ACCOUNT": "lab", "AZURE_STORAGE_KEY": "a2V5"}
    assert options(place, given) == {"account_name": "lab", "account_key": "a2V5"}
    text = "AccountName=lab;AccountKey=a2V5==;BlobEndpoint=https://host/lab"
    assert options(place, {"AZURE_STORAGE_CONNECTION_STRING": text}) == {
        "account_name": "lab",
        "endpoint": "https://host/lab",
        "account_key": "a2V5==",
    }
    # The key of one account is of no use for another.
    other = Place.parse("az+https://other.blob.core.windows.net/models")
    assert "account_key" not in options(other, given)


def test_tokens_are_sent_to_no_foreign_server(home):
    given = {"AZURE_STORAGE_ACCOUNT": "lab", "AZURE_STORAGE_SAS_TOKEN": "sig=secret"}
    found = options(Place.parse("az+https://evil.example.org/lab/models"), given)
    assert found["skip_signature"]
    assert "secret" not in str(found)
    given = {"GOOGLE_APPLICATION_CREDENTIALS": str(home / "key.json")}
    assert options(Place.parse("gs+https://evil.example.org/b"), given)["skip_signature"]
    assert options(Place.parse("gs://b"), given) == {}


def answer(status, code="", message=""):
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>" if code else ""
    return Exception(f"Generic: Error - Server returned non-2xx status code: {status}: {body}")


@pytest.mark.parametrize(
    ("problem", "error", "text"),
    [
        (answer("503 Slow Down"), TransientError, "503 Slow Down"),
        (answer("400 Bad Request", "BadDigest"), TransientError, "BadDigest"),
        (answer("404 Not Found", "NoSuchBucket"), OfflineError, "has no 'b'"),
        (FileNotFoundError("status code: 404 Not Found"), NotFoundError, r"s3://b/a/x\.json not"),
        (answer("403 Forbidden", "RequestTimeTooSkewed"), AccessError, "TooSkewed"),
        (answer("301 Moved", "PermanentRedirect"), AccessError, "PermanentRedirect"),
        (answer("501 Not Implemented"), StorageError, "overwrite each other"),
        (Exception("Error - HTTP error: error sending request"), TransientError, "error sending"),
        (Exception("Error - request. Debug source: invalid certificate"), AccessError, "request"),
    ],
)
def test_what_a_store_answers(problem, error, text):
    found = refusal(problem, Place.parse("s3://b/a"), "x.json")
    assert type(found) is error
    with pytest.raises(error, match=text):
        raise found


def test_secrets_in_an_answer_are_not_shown():
    problem = Exception("Error - cannot GET https://host/x?sig=secret&sv=2 in 1 ms")
    assert "secret" not in str(refusal(problem, Place.parse("az+https://host/a/b"), "x"))


def test_offline_no_client_is_made():
    store = open_store("s3://bucket/a", offline=True)
    with pytest.raises(OfflineError, match="the network is disabled"):
        store.open("registry.json")
