"""Synthesis: structures made by molecular dynamics, as datasets."""
