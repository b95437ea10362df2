"""Importers for the files of particular papers or projects."""

# The architecture of the models made by an importer, for cards written before they named it.
ARCHITECTURES = {"nnp-pre-training": "nequip-onehot"}
