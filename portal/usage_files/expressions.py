"""SQL of DuckDB: the checked values of a row, and why a row is bad.

TRY_CAST alone rounds the sixteenth decimal, and takes `1_000` and `infinity`: values are compared
with a pattern first.
"""

from __future__ import annotations

from portal.usage_files.columns import CATEGORIES, Layout
from portal.usage_files.faults import Reason

NUMBER = r"[+-]?(0*\d{1,12}(\.\d{0,15}0*)?|\.\d{1,15}0*)"
"""At most 12 digits before and 15 after the point."""
ANY_NUMBER = r"[+-]?(\d+(\.\d*)?|\.\d+)"
WITH_EXPONENT = r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})[eE][+-]?\d{1,2}"
"""FOCUS allows it; it is converted by Python, because a cast rounds."""
INSTANT = r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-](0\d|1[0-5])(:?[0-5]\d)?)?)?"
FIRST_YEAR, LAST_YEAR = 1990, 2199
MAX_KEY = 500
MAX_SERVICE = 300
AMOUNT = "DECIMAL(38,15)"

DATES = (
    ("period_start", "BillingPeriodStart", "start"),
    ("period_end", "BillingPeriodEnd", "end"),
    ("start", "ChargePeriodStart", "start"),
    ("end", "ChargePeriodEnd", "end"),
)
"""Our name of an instant, its FOCUS column, and its column in the plain CSV."""


def text_of(value: str) -> str:
    """A text as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def name_of(name: str) -> str:
    """A name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def select_source(
    table: str, file: int, layout: Layout, key_column: str | None, period: str = "month"
) -> str:
    """The SELECT of a file's rows as delivered, under our names."""
    focus = layout.is_focus
    start = _column(layout, "start")
    first = f"date_trunc('{period}', try_cast(substr(trim({start}), 1, 10) AS DATE))"
    day = "strftime({}{}, '%Y-%m-%d')"
    values = {
        "cost": _column(layout, "BilledCost" if focus else "cost"),
        "currency": _column(layout, "BillingCurrency" if focus else "currency"),
        "category": _column(layout, "ChargeCategory") if focus else "'Usage'",
        "service": _column(layout, "ServiceName" if focus else "service"),
        "key": _key(layout, key_column) if focus else f"trim({_column(layout, 'cloud')})",
        "period_start": _column(layout, "BillingPeriodStart") if focus else day.format(first, ""),
        "period_end": _column(layout, "BillingPeriodEnd")
        if focus
        else day.format(first, f" + INTERVAL 1 {period}"),
        "start": _column(layout, "ChargePeriodStart") if focus else start,
        "end": _column(layout, "ChargePeriodEnd" if focus else "end"),
        "is_double": str("BilledCost" in layout.doubles),
    }
    listed = ", ".join(f"{value} AS {name_of(name)}" for name, value in values.items())
    return f"SELECT {file} AS file, n, {listed} FROM {table}"  # noqa: S608 - our own names


def _column(layout: Layout, name: str) -> str:
    place = layout.place(name)
    return "NULL" if place is None else f"c{place}"


def _key(layout: Layout, key_column: str | None) -> str:
    """What names the cloud: one of our IDs in any column, else the chosen column, else the first
    that is not null."""
    columns = [_column(layout, name) for name in ("SubAccountId", "BillingAccountId", "ResourceId")]
    ours = [
        f"CASE WHEN regexp_full_match({column}, 'b1g[0-9a-v]{{17}}') THEN {column} END"
        for column in columns
        if column != "NULL"
    ]
    chosen = [_column(layout, key_column)] if key_column else []
    return f"trim(coalesce({', '.join([*ours, *chosen, *columns])}))"


def select_checked(source: str, zone: str, currency: str) -> str:
    """The SELECT of checked rows: NULL where a value is bad, and each `reason`."""
    cost, categories = "trim(cost)", ", ".join(text_of(name.lower()) for name in CATEGORIES)
    amount = f"""CASE WHEN is_double THEN try_cast(cost AS {AMOUNT})
        WHEN regexp_full_match({cost}, {text_of(NUMBER)}) THEN try_cast({cost} AS {AMOUNT}) END"""
    instants = ", ".join(f'{_instant(name)} AS "{name}_at"' for name, *_columns in DATES)
    lower = "lower(trim(category))"
    return f"""SELECT *, {_reason(currency)} AS reason,
        CAST(timezone({text_of(zone)}, start_at) AS DATE) AS usage_on
      FROM (SELECT *, {amount} AS amount, {instants},
        try_cast(substr(trim(period_start), 1, 10) AS DATE) AS period_on,
        CASE WHEN {lower} IN ({categories}) THEN upper({lower}[1]) || {lower}[2:] END AS kind,
        coalesce(left(trim(service), {MAX_SERVICE}), '') AS service_name
      FROM ({source}))"""  # noqa: S608 - our own names


def _instant(name: str) -> str:
    text = f'trim("{name}")'
    cast = f"try_cast({text} AS TIMESTAMPTZ)"
    return f"""CASE WHEN regexp_full_match({text}, {text_of(INSTANT)})
        AND year({cast}) BETWEEN {FIRST_YEAR} AND {LAST_YEAR} THEN {cast} END"""


def _reason(currency: str) -> str:
    """A row's reasons as `code|column`, separated by commas: the first of each column, whose name
    is that of FOCUS; NULL without any."""
    cost = "trim(cost)"
    faults = [
        ("cost IS NULL", Reason.MISSING, "BilledCost"),
        (f"amount IS NULL AND NOT is_double AND NOT regexp_full_match({cost}, "
         f"{text_of(ANY_NUMBER)})", Reason.NOT_A_NUMBER, "BilledCost"),
        (f"amount IS NULL AND NOT is_double AND regexp_full_match({cost}, "
         rf"'[+-]?0*\d{{0,12}}(\.\d*)?')", Reason.DECIMALS, "BilledCost"),
        ("amount IS NULL OR abs(amount) >= 1000000000000", Reason.TOO_LARGE, "BilledCost"),
        ("currency IS NULL", Reason.MISSING, "BillingCurrency"),
        (f"upper(trim(currency)) <> {text_of(currency)}", Reason.CURRENCY, "BillingCurrency"),
        ("category IS NULL", Reason.MISSING, "ChargeCategory"),
        ("kind IS NULL", Reason.CATEGORY, "ChargeCategory"),
    ]  # fmt: skip
    for name, column, _plain in DATES:
        faults.append((f'"{name}" IS NULL', Reason.MISSING, column))
        faults.append((f'"{name}_at" IS NULL', Reason.DATE, column))
    faults += [
        ("period_end_at < period_start_at", Reason.REVERSED, "BillingPeriodEnd"),
        ("end_at < start_at", Reason.REVERSED, "ChargePeriodEnd"),
        ("key IS NULL OR key = ''", Reason.NO_KEY, "SubAccountId"),
        (f"length(key) > {MAX_KEY}", Reason.KEY_LONG, "SubAccountId"),
    ]
    cases: dict[str, list[str]] = {}
    for test, code, column in faults:
        cases.setdefault(column, []).append(f"WHEN {test} THEN '{code}|{column}'")
    listed = ", ".join(f"CASE {' '.join(each)} END" for each in cases.values())
    return f"nullif(concat_ws(',', {listed}), '')"
