"""Faults put into registries and caches, and what comes of them: ``python -m tests.faults``."""
