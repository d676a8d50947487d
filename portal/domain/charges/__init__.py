"""Charges: what a cloud cost an account, by service, category and usage day."""

from portal.domain.charges.record import PURCHASES, Category, Charge, FutureRow
