"""Alchemical transfer: models and data carried to other elements by scaling lengths."""
