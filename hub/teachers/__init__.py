"""Teachers: potentials and codes that label structures, with a common interface."""
