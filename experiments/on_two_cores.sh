#!/usr/bin/env bash
# What is published, as two CPU cores made it: bash experiments/on_two_cores.sh FOLDER_OF_MNIST OUT [first|fresh]
#
# `first` are the runs that were published first. Their numbers of seeds were fixed before any of these studies ran, by
# the time they take; claims plan more (their `planned_n`), which is what a GPU runs: these commands without --seeds.
#
# `fresh` are the seeds from 1000 on of the claims that were declared anew after results had been seen (see
# amendments.toml): as many as their rules plan, 12 where shares of runs decide, and nothing is judged before all have
# run. They join the same studies, whose first runs they leave as they are.
#
# Without either, both. Stopped and started again, it goes on where it was.
set -euo pipefail
mnist=$1 out=$2 which=${3:-both}
export XLA_FLAGS=--xla_force_host_platform_device_count=2

study() {
    python -m experiments run "$@" --dataset mnist --data-dir "$mnist" --preset full --out "$out" --resume
    python -m experiments publish "$out/$1"
}

fresh() {
    study "$1" --first-seed 1000 --seeds "$2" "${@:3}"
}

first_runs() {
    study d2_grid --seeds 6
    study xor
    study laws
    study reference_net --seeds 10
    study depth --seeds 1 --arms bn_41,bn_41_plateau,bn_41_sgd,residual_41
    study initialization
    study network_size --seeds 10 --arms "$(names shipped_ mended_ -- 500 300-150 100-30 100)"
    study preprocessing --seeds 10
    study gelu_kl --seeds 10
    study digits_demo
    study losses --seeds 6
    study activations --seeds 6
    study learning_rate --seeds 6
    study norms --seeds 10
    study prediction_mode
    study d4_batch_size --seeds 10
    study maxout --seeds 10
    study width_depth --seeds 10
    study batch_size --seeds 6
    study weight_decay --seeds 6
    study two_layers --seeds 6
    study regularization --seeds 10
    study optimizers --seeds 10
    study hidden_activations --seeds 10
    study precision
    study depth --arms plain_5,w64_plain_20,w64_plain_56,w64_residual_20,w64_residual_56
    study depth --arms plain_22,bn_22
}

# Every start with every end: names a_ b_ -- 1 2 is a_1,a_2,b_1,b_2.
names() {
    local starts=() list=()
    while [[ $1 != -- ]]; do starts+=("$1") && shift; done
    for start in "${starts[@]}"; do for end in "${@:2}"; do list+=("$start$end"); done; done
    (IFS=, && echo "${list[*]}")
}

# The cheap ones first.
fresh_runs() {
    fresh initialization 12 --arms randn,he_normal,zeros,symmetric
    fresh prediction_mode 10
    fresh activations 8
    fresh reference_net 12 --arms as_shipped,corrected,no_shuffle,with_bias
    fresh network_size 12
    fresh width_depth 12
    fresh maxout 12 --arms "$(names base maxout -- '' _lr0.3 _lr1)"
    fresh norms 14
    fresh d4_batch_size 12
    fresh learning_rate 12
    fresh batch_size 12
    fresh weight_decay 12
    fresh losses 8
    fresh two_layers 12
    fresh optimizers 12
    fresh regularization 8
    fresh depth 12 --arms plain_5,plain_22,bn_22
    fresh depth 12 --arms plain_22_lr3e-4,plain_22_lr1e-4
    # Hours each; a GPU has them in minutes.
    fresh depth 12 --arms bn_41,bn_41_30
    fresh depth 12 --arms bn_41_plateau,residual_41
    fresh depth 12 --arms bn_41_sgd,bn_41_sgd_lr1e-1,bn_41_lr3e-4
    fresh depth 12 --arms plain_41
}

case $which in
first) first_runs ;;
fresh) fresh_runs ;;
both) first_runs && fresh_runs ;;
*) echo "give first, fresh or nothing, not $which" >&2 && exit 2 ;;
esac
