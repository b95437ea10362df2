#!/bin/sh
# Make the project's carbon set, and give it the labels of three teachers.
#
#     cards/make/carbon_set.sh NEP_FILE REGISTRY_DIRECTORY [JOBS]
#
# NEP_FILE is the near-DFT teacher's parameter file, C_2024_NEP4.txt of
# https://gitlab.com/brucefan1983/nep-data. 60 trajectories of 32 to 200 atoms at 1.0 to 3.5 g/cm3,
# by two potentials, so that not all structures have the taste of one: 40 by Tersoff's, 20 by LCBOP,
# which costs several times as much. They are shorter than C-SYNTH-23M's 210 ps, with a frame each
# 0.5 ps. The random starts are relaxed before anything is kept: no frame has overlapping atoms.
# Those of the melt at 9000 K have "time <= 2"; the quench has ended at "time > 4".
# Version 1.0.0, which the models of version 1.0.0 learned, was made with earlier code.
# A small sample of it, c-synth-small-sample, can come with the package (ship.py).
# Takes ten minutes of one core, and the labels some more. Killed, it goes on where it was when it
# is run again.
set -eu

nep=$1
mkdir -p "$2"
registry=$(cd "$2" && pwd)
jobs=${3:-1}
hub=${HUB:-hub}
here=$(dirname "$0")
export HUB_REGISTRIES="carbon-set=$registry"
# Digests depend on the date that is noted: a fixed one, so that they are the same each time.
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-1795348800}"

text="Carbon at 1 to 3.5 g/cm³, melted, quenched and annealed by Tersoff's potential and by LCBOP"

have() { "$hub" show "$1" >/dev/null 2>&1; }

# Other versions are steps on the way, and stay on this machine.
have c-synth-small@0.1.0 || "$hub" synthesize --formula C --teacher tersoff --labels tersoff-md \
    --trajectories 40 --atoms 32:200 --density 1.0:3.5 --stages 2,2,8,12,6 --frame-interval 0.5 \
    --seed 1 --jobs "$jobs" --name c-synth-small --version 0.1.0 --license MIT --resume
have c-synth-small@0.2.0 || "$hub" synthesize --formula C --teacher lcbop --labels lcbop-md \
    --onto c-synth-small@0.1.0 --description "$text" \
    --trajectories 20 --atoms 32:64 --density 1.0:3.5 --stages 2,2,4,8,4 --frame-interval 0.5 \
    --seed 1 --jobs "$jobs" --name c-synth-small --version 0.2.0 --resume
have c-synth-small@0.3.0 || "$hub" relabel c-synth-small@0.2.0 --teacher nep --params "$nep" --labels nep \
    --jobs "$jobs" --verify 100 --version 0.3.0 --resume
have c-synth-small@0.4.0 || "$hub" relabel c-synth-small@0.3.0 --teacher lcbop --labels lcbop \
    --jobs "$jobs" --verify 100 --version 0.4.0 --resume
have c-synth-small@1.1.0 || "$hub" relabel c-synth-small@0.4.0 --teacher edip --labels edip \
    --jobs "$jobs" --verify 100 --version 1.1.0 --resume --to carbon-set
have c-synth-small-sample || "${PYTHON:-python}" "$here/sample.py" c-synth-small@1.1.0 --to carbon-set
