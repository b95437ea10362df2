"""A Lennard-Jones potential as a teacher."""

from hub.teachers.family import Family

FAMILY = Family(
    "toy-lj",
    "A Lennard-Jones potential",
    build="hub_toy.teacher:build",
    elements=("Ar",),
    options={"epsilon": "depth of the well in eV (default 0.01)"},
    licence="MIT",
    citation="https://doi.org/10.1098/rspa.1924.0081",
)


def build(parameters, options):
    """Return the calculator."""
    from ase.calculators.lj import LennardJones

    return LennardJones(sigma=3.4, rc=8.5, smooth=True, epsilon=options.get("epsilon", 0.01))
