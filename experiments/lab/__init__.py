"""What makes a question of the documents an experiment: command line, ledger, running, publishing."""
