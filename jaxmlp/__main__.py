"""`python -m jaxmlp`: see `jaxmlp.cli.main`."""

from jaxmlp.cli.main import entry

entry()
