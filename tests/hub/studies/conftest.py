"""Rankings and distillations in this very process."""

import pytest

from hub.jobs.pool import InProcess
from hub.studies import cross_validation
from tests.hub.synthesis.given import write_copper


@pytest.fixture
def here(monkeypatch):
    """Measure and label in this process, which takes a second less for each model."""
    for module in ("measuring", "distil_steps"):
        monkeypatch.setattr(f"hub.studies.{module}.LocalPool", lambda *_: InProcess())


@pytest.fixture
def few_steps(monkeypatch):
    """Train for a few steps only in each fold."""
    monkeypatch.setattr(cross_validation, "_STEPS", 12)
    monkeypatch.setattr(cross_validation, "_FEWEST_EPOCHS", 2)


@pytest.fixture
def copper_files(tmp_path):
    """24 structures of copper by EMT, and 6 others for testing."""
    return (
        write_copper(tmp_path / "copper.xyz", 24),
        write_copper(tmp_path / "test.xyz", 6, seed=9),
    )


@pytest.fixture
def quick(monkeypatch):
    """Train for two epochs only."""
    from hub.training import job

    for name in ("DEFAULT", "DEFAULT_FROM_SCRATCH"):
        changed = getattr(job, name).with_changes(max_epochs=2)
        monkeypatch.setattr(job, name, changed)
