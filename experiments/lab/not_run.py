"""The ledger's experiment rows (E-) that no experiment reruns, each with its reason."""

NOT_RUN = {
    "E-014": "Theory: D0 quotes error bounds and runs nothing.",
    "E-074": "An older log that came with D4's program; the net that it belongs to is not recorded.",
    "E-080": "Quoted from He et al. 2016: convolutional nets on CIFAR-10, no MLP and not D1's own.",
    "E-081": "Pictures of an interactive playground; D1 gives neither net, rate nor penalty, and no number.",
    "E-082": "The notebook is not available and D1 shows nothing of it.",
    "E-083": "A code sample that trains nothing; a test builds its net and checks the shapes.",
}
