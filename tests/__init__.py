"""The tests."""

import os
import sys

# They start hundreds of processes, each of which would compile our modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
