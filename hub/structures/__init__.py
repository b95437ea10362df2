"""Structures and labels: reading DFT files into a structure set, and checking it."""

from hub.structures.collector import ReadResult
from hub.structures.reading import read_structures
from hub.structures.structure_set import StructureSet

__all__ = ["ReadResult", "StructureSet", "read_structures"]
