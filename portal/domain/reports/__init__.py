"""Reports: what accounts' usage cost, by month, customer, cloud and service; who paid for clouds.

They read kept totals, never charges.
"""

from portal.domain.reports.cost import (
    MONTHS,
    PAGE,
    SERIES,
    Overview,
    Row,
    Series,
    customers_of,
    first_month,
    grown,
    months_until,
    names_of,
    overview,
    rows_of,
    series_of,
    shift,
    stopped,
    trends_of,
)
from portal.domain.reports.figures import Figures, figures_for
from portal.domain.reports.focus import FOCUS_COLUMNS, focus_rows
from portal.domain.reports.lines import CostLine, lines_of
from portal.domain.reports.lots import LotUse, lot_uses
from portal.domain.reports.payers import (
    CloudPayer,
    MonthCost,
    last_month_of,
    page_of,
    payers_of,
)
from portal.domain.reports.quantities import (
    MAX_LISTED,
    PricedQuantity,
    Quantity,
    quantities_of,
    with_prices,
)
