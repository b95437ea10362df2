"""One of everything that mlip-hub can be given."""

import os
from pathlib import Path

# Says to the tests that something of this package was imported.
Path(os.environ["HUB_TOY_IMPORTED"]).touch()
