"""NequIP: the models published in 2023, and current ones."""
