"""How to reach an object store: server, region and credentials as the cloud's own tools read them.

If there are none, requests are not signed: public buckets can be read without an account.
"""

from __future__ import annotations

import os
from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.stores.places import Place

Options = dict[str, Any]

_ELSEWHERE = ("sso_session", "sso_start_url", "role_arn", "credential_process", "login_session")
_HARDWARE = Path("/sys/class/dmi/id")
_AZURE_MACHINE = "7783-7084-3265-9085-8269-3286-77"


def options(place: Place, given: Mapping[str, str] | None = None) -> Options:
    """Return the options with which `obstore` opens a place.

    Parameters
    ----------
    place
        The place.
    given
        The environment; this process's by default.

    Raises
    ------
    SettingsError
        If the settings of the cloud's tools cannot be used.
    """
    environment = os.environ if given is None else given
    make = {"s3": _amazon, "gs": _google, "az": _azure}[place.kind]
    return {key: value for key, value in make(place, environment).items() if value}


def _amazon(place: Place, given: Mapping[str, str]) -> Options:
    profile = _profile(given)
    asked = given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION") or profile.get("region")
    found: Options = {
        "endpoint": place.server
        or given.get("AWS_ENDPOINT_URL_S3")
        or given.get("AWS_ENDPOINT_URL")
        or profile.get("endpoint_url"),
        "region": place.region or asked or "us-east-1",
    }
    if given.get("AWS_ACCESS_KEY_ID"):
        source: Mapping[str, str] = {key.lower(): value for key, value in given.items()}
    elif given.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        return found
    elif "aws_access_key_id" in profile:
        source = profile
    elif any(key in profile for key in _ELSEWHERE):
        return {**found, "credential_provider": _boto3_credentials(given)}
    elif _is_set(given, "AWS_CONTAINER_CREDENTIALS_") or _is_machine("sys_vendor", "Amazon EC2"):
        return found
    else:
        return {**found, "skip_signature": True}
    return {
        **found,
        "access_key_id": source["aws_access_key_id"],
        "secret_access_key": source.get("aws_secret_access_key"),
        "session_token": source.get("aws_session_token"),
    }


def _profile(given: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of the chosen profile, of both files of Amazon's tools."""
    name = given.get("AWS_PROFILE") or "default"
    home = Path("~/.aws").expanduser()
    files = {
        given.get("AWS_CONFIG_FILE") or home / "config": (f"profile {name}", name),
        given.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials": (name,),
    }
    found: dict[str, str] = {}
    for file, sections in files.items():
        parser = ConfigParser(interpolation=None, default_section="\0")
        try:
            parser.read(Path(file).expanduser(), encoding="utf-8")
        except (ConfigError, OSError, UnicodeDecodeError) as problem:
            raise SettingsError(
                f"{file} cannot be read: {type(problem).__name__}", "Correct it, or move it away."
            ) from problem
        for section in sections:
            if parser.has_section(section):
                found |= {key: value or "" for key, value in parser.items(section)}
    if not found and given.get("AWS_PROFILE"):
        raise SettingsError(
            f"AWS_PROFILE is {name!r}, and there is no such profile",
            f"Correct AWS_PROFILE, or add the profile to {home / 'config'}.",
        )
    return found


def _boto3_credentials(given: Mapping[str, str]) -> object:
    """Return credentials of a role, of single sign-on or of a program, which boto3 can obtain."""
    try:
        from boto3.session import Session
        from botocore.exceptions import BotoCoreError
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as problem:
        raise SettingsError(
            f"the AWS profile {given.get('AWS_PROFILE') or 'default'!r} obtains its credentials "
            "from elsewhere, for which the Python package boto3 is needed",
            "Install it with `pip install boto3`, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY: eval $(aws configure export-credentials --format env)",
        ) from problem
    try:
        return Boto3CredentialProvider(Session(profile_name=given.get("AWS_PROFILE")))
    except (BotoCoreError, ValueError) as problem:
        raise SettingsError(
            f"the AWS profile has no credentials: {problem}", "Log in again: aws sso login"
        ) from problem


def _google(place: Place, given: Mapping[str, str]) -> Options:
    default = Path("~/.config/gcloud/application_default_credentials.json").expanduser()
    is_known = _is_set(given, "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_APPLICATION_CREDENTIALS") or (
        default.exists() or _is_machine("product_name", "Google Compute Engine")
    )
    return {"base_url": place.server, "skip_signature": not (is_known and place.is_trusted)}


def _azure(place: Place, given: Mapping[str, str]) -> Options:
    pairs = given.get("AZURE_STORAGE_CONNECTION_STRING", "").split(";")
    parts = {key: value for key, _, value in (pair.partition("=") for pair in pairs)}
    named = (
        parts.get("AccountName")
        or given.get("AZURE_STORAGE_ACCOUNT")
        or given.get("AZURE_STORAGE_ACCOUNT_NAME")
    )
    account = place.account or named
    if not account:
        raise SettingsError(
            f"{place} does not name the Azure storage account of the container",
            "Set AZURE_STORAGE_ACCOUNT, or write az+https://ACCOUNT.blob.core.windows.net/"
            f"{place.bucket}/{place.prefix}".rstrip("/"),
        )
    found: Options = {
        "account_name": account,
        "endpoint": place.server or parts.get("BlobEndpoint"),
    }
    if not place.is_trusted and place.server != parts.get("BlobEndpoint", "").rstrip("/"):
        return {**found, "skip_signature": True}
    key = parts.get("AccountKey") or given.get("AZURE_STORAGE_KEY")
    key = key or given.get("AZURE_STORAGE_ACCOUNT_KEY")
    token = parts.get("SharedAccessSignature") or given.get("AZURE_STORAGE_SAS_TOKEN")
    if account == named and (key or token):
        return {**found, "account_key": key, "sas_key": None if key else token}
    folder = Path(given.get("AZURE_CONFIG_DIR") or "~/.azure").expanduser()
    if _is_set(given, "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT"):
        return found
    if (folder / "azureProfile.json").exists():
        return {**found, "use_azure_cli": True}
    is_machine = _is_machine("chassis_asset_tag", _AZURE_MACHINE)
    return {**found, "skip_signature": not is_machine}


def _is_set(given: Mapping[str, str], *beginnings: str) -> bool:
    return any(value and key.startswith(beginnings) for key, value in given.items())


def _is_machine(fact: str, text: str) -> bool:
    """Whether this is a machine of a cloud, which has credentials of its own."""
    try:
        return (_HARDWARE / fact).read_text(encoding="utf-8").strip() == text
    except (OSError, UnicodeDecodeError):
        return False
