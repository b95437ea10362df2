#!/bin/sh
# Measure what models of carbon are worth for silicon: tables and plots.
#
#     cards/make/silicon.sh OUT TRAINING TEST [CARBON_SET_REGISTRY]
#
# TRAINING and TEST are labelled silicon, in files that `hub check` reads, such as the PBE data of
# https://github.com/materialsvirtuallab/mlearn as extended XYZ. CARBON_SET_REGISTRY is what
# carbon_set.sh made; without it, the pre-training on transmuted data is left out.
#
# OUT gets
#     ace/         learning curves from c-ace-pretrained, unscaled and scaled, and from scratch
#     nep/         the same from c-nep-pretrained, and after pre-training on transmuted data
#     pretrained/  models pre-trained with consistent forces, and with those of the paper
#     stability/   20 ps at 1000 K after training on 25 structures
#
# SIZES and JOBS in the environment change the numbers of structures, and how many trainings run at
# a time. On two cores all of it takes a day, on a GPU with JOBS=9 about an hour. Killed, it goes on
# where it was when it is run again.
set -eu

absolute() { (cd "$(dirname "$1")" && echo "$PWD/$(basename "$1")"); }

mkdir -p "$1"
training=$(absolute "$2")
test=$(absolute "$3")
carbon=${4:+$(absolute "$4")}
sizes=${SIZES:-10,25,50,100,200}
jobs=${JOBS:-1}
hub=${HUB:-hub}
cd "$1"

have() { "$hub" show "$1" >/dev/null 2>&1; }

curve() {
    out=$1
    shift
    "$hub" learning-curve --data "$training" --test "$test" --sizes "$sizes" --seeds 3 \
        --epochs 80 --learning-rate 0.01 --jobs "$jobs" --out "$out" --resume "$@"
}

for labels in ace nep; do
    have si-$labels-unscaled || "$hub" transmute c-$labels-pretrained --element Si \
        --scale 1 --energy-scale 1 --name si-$labels-unscaled
    have si-$labels-scaled || "$hub" transmute c-$labels-pretrained --element Si \
        --scale 1.52 --energy-scale 1 --name si-$labels-scaled
done

curve ace --start scratch --start scratch=si-ace-scaled \
    --start si-ace-unscaled --start si-ace-scaled --start auto=c-ace-pretrained

# As c-nep-pretrained was made, but on silicon that was carbon. Structures are left out by the
# forces that they had.
if [ -n "$carbon" ]; then
    export HUB_REGISTRIES="carbon-set=$carbon"
    echo '{"num_layers": 2, "num_features": 32, "radial_mlp_width": 32, "r_max": 6.08}' >model.json
    for forces in consistent paper; do
        have si-synth-$forces || "$hub" transmute c-synth-small --element Si \
            --scale 1.52 --energy-scale 1 --forces $forces --name si-synth-$forces --resume
        limit=50
        [ $forces = paper ] || limit=32.8947
        run=pretrained/$forces
        if [ -e $run/results.json ]; then
            continue
        elif [ -e $run/run.json ]; then
            "$hub" pretrain --out $run --resume
        else
            "$hub" pretrain --data si-synth-$forces --labels nep --model-config model.json \
                --batch-size 5 --learning-rate 0.01 --epochs 12 --max-force $limit --out $run
        fi
    done
    set -- --start pretrained/consistent --start pretrained/paper
else
    set --
fi

curve nep --start scratch=si-nep-scaled \
    --start si-nep-unscaled --start si-nep-scaled --start auto=c-nep-pretrained "$@"

case ,$sizes, in *,25,*)
    ln -sfn ace/auto=c-ace-pretrained@1.0.0/25-structures/seed-0 auto-25
    ln -sfn ace/scratch/25-structures/seed-0 scratch-25
    ln -sfn ace/scratch=si-ace-scaled@1.0.0/25-structures/seed-0 scratch-scaled-25
    "$hub" stability auto-25 scratch-25 scratch-scaled-25 --element Si \
        --temperature 1000 --time 20 --timestep 2 --out stability --resume ;;
esac
