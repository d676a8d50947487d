"""Metering: connections deliver the usage of their clouds by themselves, by UTC days.

A connection that rates usage is asked for each day. Of one that only says what is given out now
hourly samples are kept; a day costs what they say at the connection's rates.
"""

from portal.domain.metering.days import due_days
from portal.domain.metering.fetching import (
    FETCH_USAGE,
    NOT_PUBLISHED,
    Plan,
    delivers,
    external_ids,
    last_day,
    make_plan,
    queue_due,
    queue_fetch,
    record_fault,
    record_success,
)
from portal.domain.metering.listing import Rates, Status, statuses_for
from portal.domain.metering.rates import parse_rate, parse_rates, set_rates
from portal.domain.metering.record import RATED, UsageFetch, UsageRates, UsageSample
from portal.domain.metering.samples import (
    Line,
    keep_sample,
    lines_of,
    purge_expired,
    start_of,
)
