"""Alchemical transfer: models and data transferred to other elements by scaling lengths."""
