#!/bin/sh
# Make the example DFT datasets of carbon and silicon, and publish them.
#
#     cards/make/dft_examples.sh FOLDER REGISTRY_DIRECTORY
#
# Needs GPAW; where another Python has it (Debian's does, after `apt install gpaw`), say so:
# GPAW_PYTHON=/usr/bin/python3. What it makes, and why so, is in dft_examples.md beside this.
# Takes half an hour of one core. Killed, it goes on where it was when it is run again.
set -eu

folder=$1
mkdir -p "$folder" "$2"
registry=$(cd "$2" && pwd)
here=$(dirname "$0")
hub=${HUB:-hub}
export HUB_REGISTRIES="dft-examples=$registry" OMP_NUM_THREADS=1

[ -e "$folder/silicon.extxyz" ] || "${PYTHON:-python}" "$here/dft_structures.py" "$folder"

publish() {  # name, file of structures, description, level of theory
    "$hub" show "$1@1.0.0" >/dev/null 2>&1 && return
    "${GPAW_PYTHON:-python3}" "$here/dft_label.py" label "$folder/$2.extxyz" "$folder/$2"
    "${GPAW_PYTHON:-python3}" "$here/dft_label.py" gather "$folder/$2" "$folder/$2-pbe.extxyz"
    "$hub" check "$folder/$2-pbe.extxyz"
    "$hub" import "$folder/$2-pbe.extxyz" --name "$1" --labels pbe --to dft-examples \
        --license CC0-1.0 --teacher "GPAW 22.8" --level-of-theory "$4" --description "$3"
}

publish c-pbe-examples carbon \
    "Small cells of carbon: distorted crystals, graphene, chains, disorder; DFT by the project" \
    "PBE, plane waves to 500 eV, k-point density 1.6 Å, Fermi-Dirac 0.1 eV, free energies"
publish si-pbe-examples silicon \
    "Small cells of silicon: distorted crystals, vacancies, disorder; DFT by the project" \
    "PBE, plane waves to 300 eV, k-point density 2.4 Å, Fermi-Dirac 0.1 eV, free energies"
