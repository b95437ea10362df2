"""What a Hub can do wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Fault:
    """One thing that goes wrong with requests whose ``METHOD path`` fits a pattern.

    Attributes
    ----------
    pattern
        Searched for in ``GET /api/models/...``.
    status
        Answer with this status instead of asking the Hub; 0 to hang up without an answer.
    after
        Do what is asked before that, as if only the answer were lost.
    flip
        Change the byte at this offset of the file.
    cut
        Hang up after this many bytes of the file.
    wait
        Seconds before the answer.
    times
        How often it happens.
    """

    pattern: str
    status: int | None = None
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False
    flip: int | None = None
    cut: int | None = None
    wait: float = 0.0
    times: int = 1

    def fits(self, request: str) -> bool:
        return self.times > 0 and re.search(self.pattern, request) is not None
