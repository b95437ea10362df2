"""Teachers: potentials and codes that label structures, each behind the same small interface."""
