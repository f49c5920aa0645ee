#!/usr/bin/env bash
# What is published, as two CPU cores made it: bash experiments/on_two_cores.sh FOLDER_OF_MNIST OUT
#
# Numbers of seeds were fixed before any of these studies ran, by the time they take. Claims plan more (their `planned_n`,
# 20 for most), which is what a GPU runs: the same commands without --seeds. Six are the fewest that can show "in most
# runs" (Clopper-Pearson). Stopped and started again, it goes on where it was.
set -euo pipefail
mnist=$1 out=$2
export XLA_FLAGS=--xla_force_host_platform_device_count=2

study() {
    python -m experiments run "$@" --dataset mnist --data-dir "$mnist" --preset full --out "$out" --resume
    python -m experiments publish "$out/$1"
}

study d2_grid --seeds 6
study xor
study reference_net --seeds 10
study depth --seeds 1 --arms bn_41,bn_41_plateau,bn_41_sgd,residual_41
study initialization
study network_size --seeds 10
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
study depth
