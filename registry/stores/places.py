"""Where a registry in an object store lies: the addresses of buckets and containers.

``s3://bucket/prefix``, ``gs://bucket/prefix`` and ``az://container/prefix`` leave the server to the
settings of the cloud's own tools. With the server in the address, nobody needs settings::

    s3+https://minio.group.edu:9000/bucket/prefix
    az+https://account.blob.core.windows.net/container/prefix
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from msgspec import Struct

from registry.errors import SettingsError
from registry.stores.addresses import is_loopback

KINDS = {"s3": "Amazon S3", "gs": "Google Cloud Storage", "az": "Azure Blob Storage"}
SCHEMES = tuple(f"{kind}{way}" for kind in KINDS for way in ("", "+https", "+http"))

# Patterns, which are compiled when an address is looked at: most registries are in folders.
_AZURE_HOST = r"([a-z0-9]{3,24})\.(blob|dfs)\.core\.[a-z0-9.-]+"
_AMAZON_HOST = r"s3[.-]([a-z]+-[a-z-]+-[0-9]+)\.amazonaws\.com(\.cn)?"
# Hosts to which what identifies the user may be sent: they belong to the cloud itself.
_CLOUDS = (
    r".*\.amazonaws\.com(\.cn)?|(.*\.)?storage\.googleapis\.com"
    r"|.*\.core\.(windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)"
)


class Place(Struct, frozen=True):
    """A prefix in a bucket.

    Attributes
    ----------
    kind
        ``s3``, ``gs`` or ``az``.
    server
        The address of the server, with the account if that is in the path; empty if the settings
        say it.
    bucket
        The bucket or container.
    prefix
        The prefix of all keys, without slashes at its ends.
    account
        The Azure account that the address names.
    """

    kind: str
    server: str
    bucket: str
    prefix: str
    account: str = ""

    @classmethod
    def parse(cls, location: str) -> Place:
        """Read an address.

        Raises
        ------
        SettingsError
            If it is not one.
        """
        url = urlsplit(location)
        kind, _, way = url.scheme.partition("+")
        parts = [part for part in url.path.split("/") if part]
        server = account = ""
        if way:
            server = f"{way}://{url.netloc}"
            azure = re.fullmatch(_AZURE_HOST, url.hostname or "")
            if kind == "az" and azure:
                account = azure[1]
            elif kind == "az" and parts:
                account = parts.pop(0)
                server = f"{server}/{account}"
        else:
            parts.insert(0, url.netloc)
        if not parts or not all(map(_is_plain, parts)) or url.query or url.fragment:
            raise SettingsError(
                f"{location.partition('?')[0]} is not the address of a place in {KINDS[kind]}",
                f"Write it as {_example(kind, way)}.",
            )
        return cls(kind, server, parts[0], "/".join(parts[1:]), account)

    def __str__(self) -> str:
        base = f"{self.kind}+{self.server}/" if self.server else f"{self.kind}://"
        return base + "/".join(filter(None, (self.bucket, self.prefix)))

    @property
    def region(self) -> str:
        """The region that an address of Amazon names, or nothing."""
        named = re.fullmatch(_AMAZON_HOST, urlsplit(self.server).hostname or "")
        return named[1] if named else ""

    @property
    def is_trusted(self) -> bool:
        """Whether tokens, which whoever receives them can use, may be sent there."""
        host = urlsplit(self.server).hostname or ""
        return not self.server or bool(re.fullmatch(_CLOUDS, host)) or is_loopback(host)


def _is_plain(part: str) -> bool:
    """Whether a part of a path means the same in every store: printable, without ``..``."""
    return (
        part not in (".", "..") and part.isprintable() and not set(part) & set("\\%#?*[]{}<>|~^`")
    )


def _example(kind: str, way: str) -> str:
    name = "container" if kind == "az" else "bucket"
    if not way:
        return f"{kind}://{name}/prefix"
    host = "account.blob.core.windows.net" if kind == "az" else "server.example.org"
    return f"{kind}+{way}://{host}/{name}/prefix"
