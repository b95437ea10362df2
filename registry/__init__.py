"""Names, versions and bytes: what exists, in which version, and whether it is intact."""
