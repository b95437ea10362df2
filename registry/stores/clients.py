"""The clients of `obstore` for one place: for reading, for writing, and for large files."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import IncompatibleError, SettingsError
from registry.stores.addresses import warn_if_unencrypted
from registry.stores.clouds import options

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Client

    from registry.stores.places import Place

TIMEOUT = 20.0  # s, for a connection and for each next byte
LONGEST = 300.0  # s, for a whole request; a download continues in another one
_RETRIES = 5  # of each part of a large file


class Clients:
    """What `obstore` needs to reach a place.

    Parameters
    ----------
    place
        The place.

    Raises
    ------
    IncompatibleError
        If `obstore` is not installed.
    SettingsError
        If the settings of the cloud's tools cannot be used.
    """

    def __init__(self, place: Place) -> None:
        try:
            import obstore.store
        except ImportError as problem:
            raise IncompatibleError(
                f"{place} needs the Python package obstore, which is not installed",
                "Install it: pip install 'mlip-hub[cloud]'",
            ) from problem
        self.place = place
        self._kinds: dict[str, Any] = {
            "s3": obstore.store.S3Store,
            "gs": obstore.store.GCSStore,
            "az": obstore.store.AzureStore,
        }
        self._options = options(place)
        server = str(self._options.get("endpoint") or self._options.get("base_url") or "")
        self.is_encrypted = not server.startswith("http://")
        # Amazon's requests are signed with the checksum of what they send.
        is_signed = place.kind == "s3" and not self._options.get("skip_signature")
        self.is_tamper_proof = self.is_encrypted or is_signed
        warn_if_unencrypted(server)

    @cached_property
    def reader(self) -> Client:
        """Gives up when no byte comes for a while. Whoever uses it retries."""
        return self._made(retries=0, read_timeout=f"{round(1000 * TIMEOUT)}ms")

    @cached_property
    def writer(self) -> Client:
        """Waits longer for an answer, which comes when everything has been sent; no retries."""
        return self._made(retries=0)

    @cached_property
    def uploader(self) -> Client:
        """Retries each part of a large file."""
        return self._made(retries=_RETRIES)

    def _made(self, *, retries: int, **more: str) -> Client:
        config = dict(self._options)
        provider = config.pop("credential_provider", None)
        limits: dict[str, Any] = {
            "allow_http": not self.is_encrypted,
            "connect_timeout": f"{round(1000 * TIMEOUT)}ms",
            "timeout": f"{round(1000 * LONGEST)}ms",
            "user_agent": "mlip-hub",
            **more,
        }
        certificates = os.environ.get("SSL_CERT_FILE") or os.environ.get("AWS_CA_BUNDLE")
        try:
            if certificates:
                limits["root_certificate"] = Path(certificates).read_bytes()
            client: Client = self._kinds[self.place.kind](
                self.place.bucket,
                prefix=self.place.prefix or None,
                config=config,
                client_options=limits,
                retry_config={"max_retries": retries},
                **({"credential_provider": provider} if provider else {}),
            )
        except Exception as problem:  # what it raises for wrong settings is not documented
            raise SettingsError(
                f"{self.place} cannot be used: {' '.join(str(problem).split())[:200]}",
                "Check the address and the settings of the tools of your cloud.",
            ) from problem
        return client
