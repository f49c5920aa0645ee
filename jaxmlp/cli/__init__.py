"""The command `jaxmlp`, also `python -m jaxmlp`: check, train, why, test and predict with a user's own data and net."""
