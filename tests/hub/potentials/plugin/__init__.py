"""A package of somebody else's with an architecture: copied to where a test installs it."""
