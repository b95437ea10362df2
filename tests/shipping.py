"""The maintainers' scripts that choose what comes with the package, and make samples for it."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "cards" / "make"


def ship(names, sources, folder):
    """Make `folder` the registry of a package that these versions come with."""
    return _script("ship").ship(names, sources, folder)


def sample(name, count, to):
    """Publish a sample of a dataset."""
    return _script("sample").sample(name, count, to)


def _script(name):
    spec = spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
