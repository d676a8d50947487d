"""Prices: what a partner asks its customers for what their clouds cost, by rates from a day on."""

from portal.domain.prices.amounts import (
    AMOUNTS,
    MICROS_OF_ONE,
    Change,
    Cost,
    Group,
    Sums,
    add_prices,
    differences,
    find_changes,
    insert_prices,
    insert_totals,
    keep_totals,
    posted_rows,
    price_of,
    sums_of,
)
from portal.domain.prices.listing import (
    PAGE,
    MonthPrice,
    MonthSum,
    months_of,
    prices_by_service,
    rates_for,
    totals_for,
    totals_of,
)
from portal.domain.prices.publishing import (
    count_choices,
    is_published,
    is_published_by,
    publish,
    withdraw,
)
from portal.domain.prices.rates import (
    HIGHEST,
    LOWEST,
    MAX_SERVICE,
    SUBJECT,
    RateTable,
    factors_of,
    services_of,
    set_late_rate,
    set_rate,
    tables_of,
)
from portal.domain.prices.record import (
    Price,
    PriceList,
    PricePublication,
    PriceSum,
    PriceTotal,
    Rate,
)
from portal.domain.prices.repricing import Repricing, find_repriced, is_applied, plan_repricing
