"""Components of a user's own, and taking them out again: tables are the process's, tests are many."""

import pytest

from jaxmlp.training.spec import COMPONENT_TABLES


def users():
    """(table, name) of every row that is not the library's own."""
    return [(table, name) for table in COMPONENT_TABLES.values() for name in table if table.is_user(name)]


@pytest.fixture
def user_rows():
    """Rows that a test registers are gone after it."""
    assert users() == []
    yield
    for table, name in users():
        table.remove(name)
