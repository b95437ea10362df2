#!/bin/sh
# Pre-train the small carbon models that come along with the package, on the project's carbon set.
#
#     cards/make/carbon_models.sh REGISTRY_DIRECTORY OUT
#
# REGISTRY_DIRECTORY is that of carbon_set.sh, and gets the models, too. OUT gets the run folders.
# Takes half an hour of one core. Killed, it goes on where it was when it is run again. Nobody can
# publish under a name that is shipped, so ship the other versions alone before, and all afterwards:
#
#     python cards/make/ship.py c-pbe-examples@1.0.0 si-pbe-examples@1.0.0
#     python cards/make/ship.py --from REGISTRY_DIRECTORY c-nep-pretrained@1.1.0 ...
set -eu

registry=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
hub=${HUB:-hub}
export HUB_REGISTRIES="carbon-set=$registry"

have() { "$hub" show "$1" >/dev/null 2>&1; }

# make NAME LABELS TEACHER
make() {
    if [ -e "$out/$1/run.json" ]; then
        "$hub" pretrain --out "$out/$1" --resume
    else
        "$hub" pretrain --data carbon-set/c-synth-small@1.1.0 --labels "$2" --layers 2 --features 32 \
            --model-config "$out/model.json" --batch-size 5 --learning-rate 0.01 --epochs 12 \
            --device cpu --out "$out/$1"
    fi
    "$hub" publish "$out/$1" --name "$1" --version 1.1.0 --license MIT --to carbon-set \
        --description "Carbon: small NequIP pre-trained on synthetic structures labelled by $3; comes along"
}

echo '{"radial_mlp_width": 32}' >"$out/model.json"
have c-nep-pretrained@1.1.0 || make c-nep-pretrained nep "NEP C_2024"
have c-lcbop-pretrained-small@1.1.0 || make c-lcbop-pretrained-small lcbop LCBOP
