"""What the experiments of one document share: its nets, its settings and the names of its arms."""
