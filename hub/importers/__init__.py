"""What belongs to the files of one paper or project."""

# The architecture of the models that an importer makes, where a card was written before it had one.
ARCHITECTURES = {"nnp-pre-training": "nequip-onehot"}
