"""What an object store answers when it does not do what it was asked for, as errors of ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.errors import AccessError, NotFoundError, OfflineError, StorageError
from registry.stores.addresses import without_credentials
from registry.stores.base import TransientError
from registry.stores.places import KINDS

if TYPE_CHECKING:
    from registry.stores.places import Place

_STATUS = re.compile(r"status code: ([0-9]{3}[^:\n]{0,40})")
_CODE = re.compile(r"<Code>\s*([A-Za-z0-9]{1,60})\s*</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,300}?)(?:RequestId|<)")
_LONGEST_REASON = 200
# The bucket is missing, rather than an object in it.
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "AccountNotFound")
_OTHER_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint")
_SKEWED = ("RequestTimeTooSkewed", "RequestExpired")
# What was sent did not arrive as it was sent; the status is 400.
_ON_THE_WAY = ("XAmzContentSHA256Mismatch", "BadDigest", "IncompleteBody", "RequestTimeout",
               "Md5Mismatch", "Crc64Mismatch", "MalformedXML")  # fmt: skip
_VARIABLES = {
    "s3": "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS (or run `gcloud auth application-default login`)",
    "az": "AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN (or run `az login`)",
}


def status_of(problem: Exception) -> int:
    """Return the HTTP status in an error of `obstore`; 0 if there was no answer."""
    found = _STATUS.search(str(problem))
    return int(found[1][:3]) if found else 0


def refusal(problem: Exception, place: Place, path: str) -> Exception:
    """Return our exception for an error of `obstore` about a path in a place.

    Returns
    -------
    A `TransientError` if a retry may succeed; a `NotFoundError` if there is no such object.
    """
    text, status = str(problem), status_of(problem)
    found = _CODE.search(text)
    code, why = found[1] if found else "", _reason(text)
    if code in _NO_BUCKET:
        return OfflineError(
            f"{KINDS[place.kind]} has no '{place.bucket}' ({why})",
            "Create it with the tools of your provider, or correct the address.",
        )
    if isinstance(problem, FileNotFoundError):
        return NotFoundError(f"{place}/{path} not found ({why})")
    if status == 501:
        return _unfit(place, why)
    if "certificate" in text or not _may_pass(status, code):
        return AccessError(
            f"{place}{path and '/'}{path} is refused ({why})", _hint(place, status, code, text)
        )
    return TransientError(why)


def _may_pass(status: int, code: str) -> bool:
    """Whether a retry may succeed. A status of 0 means that there was no answer."""
    return status in (0, 408, 409, 425, 429) or status >= 500 or code in _ON_THE_WAY


def _hint(place: Place, status: int, code: str, text: str) -> str:
    """Return what to do about a refusal."""
    if "certificate" in text:
        return "Behind a proxy with its own certificates, set SSL_CERT_FILE to them."
    if code in _SKEWED:
        return "Set the clock of this machine."
    if code in _OTHER_REGION or status in (301, 307):
        return f"Set AWS_REGION to the region of '{place.bucket}'."
    if status in (401, 403):
        return f"Set {_VARIABLES[place.kind]}; the account may also lack the permission."
    return "Check the address."


def unfit(place: Place) -> StorageError:
    """Return the error for a store that overwrites what a writer has not seen."""
    return _unfit(place, "it ignores the conditions If-None-Match and If-Match")


def _unfit(place: Place, why: str) -> StorageError:
    return StorageError(
        f"nothing can be published to {place}, because publishers at the same time would overwrite "
        f"each other: {why}",
        "Update the server, or publish to another place.",
    )


def _reason(text: str) -> str:
    """Return what went wrong on one line, without addresses' secrets and internal details."""
    text = text.partition("Debug source")[0]
    status, code, message = (each.search(text) for each in (_STATUS, _CODE, _MESSAGE))
    if status:
        details = [" ".join(found[1].split()) for found in (status, code, message) if found]
        text = ": ".join(dict.fromkeys(details))
    else:
        text = text.rpartition(" - ")[2]
    return without_credentials(" ".join(text.split()))[:_LONGEST_REASON]
