"""Errors that a user of the library can cause; each says what to do next."""

from registry.errors import RegistryError


class HubError(RegistryError):
    """Base class of all errors about atoms, models and training."""


class DataError(HubError):
    """A file of structures cannot be used."""


class ModelError(HubError):
    """A checkpoint is malformed, or does not reproduce its stored predictions."""


class IncompatibleModelError(HubError):
    """A model is incompatible with the data, device or package version."""


class TeacherError(HubError):
    """A teacher cannot be used, or cannot label a structure."""


class SynthesisError(HubError):
    """Structures cannot be generated as requested."""


class LabelsDisagreeError(HubError):
    """Recomputed labels differ from the stored ones."""


class JobError(HubError):
    """Worker processes are unavailable or lost, or another process is already doing the work."""


class TrainingError(HubError):
    """Training cannot start, continue or be resumed."""


class PublishingError(HubError):
    """A model lacks information that is required for publishing."""


class AlchemyError(HubError):
    """A model or dataset cannot be transferred to other elements as requested."""
