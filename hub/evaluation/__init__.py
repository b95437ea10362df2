"""Evaluation of models: predictions, errors, tables and plots."""

from hub.evaluation.evaluate import align_energy_zero, energy_zeros_differ, evaluate
from hub.evaluation.metrics import (
    ALL,
    Errors,
    error_table,
    errors_by_group,
    measure_errors,
    measure_errors_by_type,
)
from hub.evaluation.parity import parity_plot
from hub.evaluation.predictions_file import write_predictions
from hub.potentials.batches import Predictions

__all__ = [
    "ALL",
    "Errors",
    "Predictions",
    "align_energy_zero",
    "energy_zeros_differ",
    "error_table",
    "errors_by_group",
    "evaluate",
    "measure_errors",
    "measure_errors_by_type",
    "parity_plot",
    "write_predictions",
]
