"""NequIP: the models published in 2023, and those of today."""
