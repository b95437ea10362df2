"""Errors that a user of the library can cause, each saying what to do next."""

from registry.errors import RegistryError


class HubError(RegistryError):
    """Base of all errors about atoms, models and training."""


class DataError(HubError):
    """A file of structures cannot be used as it is."""


class ModelError(HubError):
    """A checkpoint is malformed, or does not reproduce its stored predictions."""


class IncompatibleModelError(HubError):
    """A model and the data, device or package version do not fit together."""


class TeacherError(HubError):
    """A teacher cannot be used, or cannot label a structure."""


class SynthesisError(HubError):
    """Structures cannot be made as they were asked for."""


class LabelsDisagreeError(HubError):
    """Labels that are computed again differ from those that are kept."""


class JobError(HubError):
    """Worker processes cannot be had or are lost, or work is done by another process already."""


class TrainingError(HubError):
    """Training cannot start, go on or be resumed."""


class PublishingError(HubError):
    """A model lacks something that others need before they can use it."""


class AlchemyError(HubError):
    """A model or dataset cannot be carried to other elements as asked."""
