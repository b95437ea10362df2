#!/bin/sh
# Measure what fine-tuning on nanotubes makes a model of carbon forget, as in section 5.2 of Gardner,
# Baker and Deringer 2023: errors on nanotubes, and on amorphous carbon that is never trained on.
#
#     cards/make/forgetting.sh OUT DATA [SEEDS]
#
# DATA has carbon-dft-nanotubes-train.extxyz, carbon-dft-nanotubes-test.extxyz and
# carbon-dft-amorphous-test.extxyz. OUT gets a run folder for each method and seed; what is finished
# is not repeated, and what was killed is resumed. `forgetting.py OUT` beside this prints the table.
set -eu

out=$1 data=$2 seeds=${3:-5}
hub=${HUB:-hub}
here=$(dirname "$0")
mkdir -p "$out"
[ -e "$out/train.extxyz" ] ||
    "${PYTHON:-python}" "$here/forgetting.py" --clean "$data/carbon-dft-nanotubes-train.extxyz" \
        "$out/train.extxyz"

run() {
    folder=$1
    shift
    if [ -e "$folder/results.json" ]; then
        return
    elif [ -e "$folder/run.json" ]; then
        "$hub" finetune --out "$folder" --resume
    else
        "$hub" finetune --data "$out/train.extxyz" \
            --test "$data/carbon-dft-nanotubes-test.extxyz" \
            --general "$data/carbon-dft-amorphous-test.extxyz" \
            --model c-ace-pretrained-10k --device cpu --out "$folder" "$@"
    fi
}

seed=0
while [ "$seed" -lt "$seeds" ]; do
    run "$out/early-$seed" --seed "$seed" --stop early
    run "$out/last-$seed" --seed "$seed" --stop last
    run "$out/replay-$seed" --seed "$seed" --stop last --method replay
    run "$out/freeze-$seed" --seed "$seed" --stop last --method freeze
    run "$out/scratch-$seed" --seed "$seed" --from-scratch
    seed=$((seed + 1))
done
