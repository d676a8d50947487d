"""Totals: what charges sum to by month, kept so that no page sums charges."""

from portal.domain.totals.keeping import ChangeRow, add_changes, keep
from portal.domain.totals.record import (
    IS_COST,
    IS_STOPPED,
    NANO,
    By,
    CorrectedTotal,
    UsageChange,
    UsageSum,
    UsageTotal,
    quantity_of,
)
from portal.domain.totals.running import (
    corrections,
    first_day,
    last_day,
    running_cost,
    running_price,
)
