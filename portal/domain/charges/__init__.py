"""Charges: what a cloud cost an account, by service, category and usage day."""

from portal.domain.charges.posting import (
    Bearer,
    Outdated,
    days_of,
    insert_charges,
    insert_sums,
    lock_payers,
    post,
    still_holds,
)
from portal.domain.charges.record import PURCHASES, Category, Charge, ChargeSum, FutureRow
from portal.domain.charges.relinking import (
    ChainLink,
    chains_of,
    instant_of,
    microseconds,
    post_relink,
)
from portal.domain.charges.repricing import apply_rates, begin_repricing
from portal.domain.charges.staging import (
    Late,
    add_late_rows,
    finish_staging,
    forget_late_rows,
    purge_expired,
    staged_posting,
)
