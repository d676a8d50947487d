"""Every verb of the role tables, with a sample call on the cast."""

from tests.support.verbs import accounts, clouds, customers

VERBS = (*accounts.VERBS, *clouds.VERBS, *customers.VERBS)
"""Every verb of the role tables; tests/domain/test_roles.py checks that none is missing."""
