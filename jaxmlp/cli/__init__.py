"""The command `jaxmlp`, also `python -m jaxmlp`: train, test and predict with a user's own data and net."""
