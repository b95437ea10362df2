"""Reports: an evaluation as one self-contained HTML page."""

from hub.evaluation.report.contents import Settings
from hub.evaluation.report.page import require_report, write_report

__all__ = ["Settings", "require_report", "write_report"]
