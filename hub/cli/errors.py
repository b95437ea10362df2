"""Exit codes of exceptions, as one ordered table."""

from hub import errors as hub_errors
from registry import errors as registry_errors

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_NOT_FOUND = 3
EXIT_INTEGRITY = 4
EXIT_OFFLINE = 5
EXIT_INCOMPATIBLE = 6
EXIT_CRASH = 70  # EX_SOFTWARE of sysexits.h
EXIT_INTERRUPTED = 130

# The first match wins, so subclasses come before their bases.
EXIT_CODES: tuple[tuple[type[registry_errors.RegistryError], int], ...] = (
    (registry_errors.InvalidReferenceError, EXIT_USAGE),
    (registry_errors.NotFoundError, EXIT_NOT_FOUND),
    (registry_errors.IntegrityError, EXIT_INTEGRITY),
    (hub_errors.ModelError, EXIT_INTEGRITY),
    (hub_errors.LabelsDisagreeError, EXIT_INTEGRITY),
    (registry_errors.OfflineError, EXIT_OFFLINE),
    (registry_errors.IncompatibleError, EXIT_INCOMPATIBLE),
    (hub_errors.IncompatibleModelError, EXIT_INCOMPATIBLE),
    (registry_errors.RegistryError, EXIT_ERROR),
)


def exit_code(error: registry_errors.RegistryError) -> int:
    """Return the exit code of the first row of the table that matches `error`."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))
