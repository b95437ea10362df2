"""What a fault led to, by the columns of the table."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable

WRONG = "wrong"
LOST = "lost"
DELETED = "deleted elsewhere"
TRACEBACKS = "tracebacks"
HANGS = "hangs"
COLUMNS = (WRONG, LOST, DELETED, TRACEBACKS, HANGS)

Result = TypeVar("Result")


@dataclass
class Verdict:
    """The failures that one fault led to, as column and explanation; and what happened, in words.

    Attributes
    ----------
    injected
        Whether there was anything to damage.
    """

    failures: list[tuple[str, str]] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    injected: bool = True

    def fail(self, column: str, text: str) -> None:
        self.failures.append((column, text))
        self.story.append(f"{column.upper()}: {text}")

    def note(self, text: str) -> None:
        self.story.append(text)

    def attempt(self, what: str, action: Callable[[], Result]) -> Result | None:
        """Do what a user does: an error of ours is an answer, any other is a traceback."""
        try:
            result = action()
        except RegistryError as refusal:
            self.note(f"{what}: {type(refusal).__name__}: {refusal.message}")
            return None
        except Exception:  # noqa: BLE001 - this is what is looked for
            self.fail(TRACEBACKS, f"{what}: {traceback.format_exc()}")
            return None
        self.note(f"{what}: done")
        return result
