"""Errors that a user of the registry can cause; each says what to do next."""


class RegistryError(Exception):
    """Base class of all errors that are shown to the user.

    Parameters
    ----------
    message
        What is wrong and where.
    hint
        What to do next.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidReferenceError(RegistryError):
    """A reference, name or version is malformed."""


class NotFoundError(RegistryError):
    """No registry has the requested version."""


class IntegrityError(RegistryError):
    """Bytes do not match their manifest or card."""


class DamagedRegistryError(IntegrityError):
    """A registry is damaged; `hub registry repair` can repair it."""


class OfflineError(RegistryError):
    """The network is needed, but disabled or unreachable."""


class AccessError(RegistryError):
    """A server denies access, or its identity cannot be verified."""


class IncompatibleError(RegistryError):
    """A format is too new, or this release cannot use the content."""


class SubstitutedError(IntegrityError):
    """A version's digest differs from the one that this machine has seen before."""


class ExistsError(RegistryError):
    """A version already exists and is immutable."""


class StorageError(RegistryError):
    """The disk is full, read-only, or refuses the operation."""


class SettingsError(RegistryError):
    """A setting or card is invalid."""


class PluginError(RegistryError):
    """A plug-in of another package cannot be used."""
