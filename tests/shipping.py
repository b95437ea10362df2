"""The maintainers' script that chooses what comes with the package."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "cards" / "make" / "ship.py"


def ship(names, sources, folder):
    """Make `folder` the registry of a package that these versions come with."""
    spec = spec_from_file_location("ship", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ship(names, sources, folder)
