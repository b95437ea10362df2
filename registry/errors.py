"""Errors that a user of the registry can cause, each saying what to do next."""


class RegistryError(Exception):
    """Base of all errors that are the user's to read.

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
    """A reference, name or version is not written as it must be."""


class NotFoundError(RegistryError):
    """No registry has what was asked for."""


class IntegrityError(RegistryError):
    """Bytes differ from what their manifest or card promises."""


class DamagedRegistryError(IntegrityError):
    """A registry has lost or changed what it needs; `hub registry repair` mends it."""


class OfflineError(RegistryError):
    """The network is needed, and switched off or unreachable."""


class AccessError(RegistryError):
    """A server refuses to hand something out, or cannot be trusted to be itself."""


class IncompatibleError(RegistryError):
    """A format version is too new, or content cannot be used by this release."""


class SubstitutedError(IntegrityError):
    """A version has another digest than this machine has seen for it before."""


class ExistsError(RegistryError):
    """A version is immutable and exists already."""


class StorageError(RegistryError):
    """The disk is full, read-only, or refuses the operation."""


class SettingsError(RegistryError):
    """A setting or card cannot be understood."""


class PluginError(RegistryError):
    """What another package adds cannot be used."""
