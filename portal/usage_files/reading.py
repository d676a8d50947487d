"""A reading of usage files: their rows in DuckDB, checked, with the exact sum."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple

import duckdb

from portal.usage_files import engine
from portal.usage_files.bad_rows import BadRow, BadRows, copy_well_formed
from portal.usage_files.columns import NEEDED, Layout, layout_of, read_header
from portal.usage_files.expressions import (
    AMOUNT,
    DATES,
    WITH_EXPONENT,
    select_checked,
    select_source,
    text_of,
)
from portal.usage_files.faults import Fault, UsageFileError
from portal.usage_files.unpacking import FileFacts

NULL_TEXTS = ", ".join(map(text_of, ("", "NULL", "null", "(null)")))
STORED_ROWS = 50_000
"""Rows that are read at a time when a piece is made."""
MAX_LINE_BYTES = 16 * 1024**2
BUFFER_BYTES = 2 * MAX_LINE_BYTES
"""The size of DuckDB's buffers for a CSV file. Two of its default size, 16 of the longest lines
each, exceed the engine's memory."""
MAX_TOTAL = Decimal(9 * 10**12)
"""Of the amounts without sign: sums fit into integers of 64 bits."""
VALUES = {"BilledCost": "cost", "BillingCurrency": "currency", "ChargeCategory": "category"} | {
    focus: name for name, focus, _plain in DATES
}
BATCH = 20_000
"""Rows of a transaction that inserts them: no other writer waits longer than a second."""


class Terms(NamedTuple):
    """How rows are read: the only `currency`, the `zone` of usage days, the column that names the
    cloud (None: the first that is not null), how long the billing periods of plain CSV are."""

    currency: str
    zone: str
    key_column: str | None = None
    period: Literal["month", "day"] = "month"


class UsageReading:
    """The rows of files that are one delivery. Use it in `with UsageReading.open(…)`."""

    def __init__(self, folder: Path, files: Sequence[FileFacts], terms: Terms) -> None:
        self.folder, self.files, self.terms = folder, files, terms
        self.connection = engine.connect(folder, [file.path for file in files])
        self.bad = BadRows()
        self.layouts: list[Layout] = []
        self.rows, self.total = 0, Decimal(0)

    @classmethod
    @contextmanager
    def open(
        cls,
        files: Sequence[FileFacts],
        terms: Terms,
        folder: Path,
    ) -> Iterator[UsageReading]:
        """Read and check all rows. Raises UsageFileError."""
        with tempfile.TemporaryDirectory(dir=folder) as own:
            reading = cls(Path(own), files, terms)
            try:
                reading._load()
                yield reading
            except duckdb.Error as error:
                if not _lacks_space(error):
                    raise
                raise UsageFileError(Fault.NO_SPACE, file=files[0].name) from None
            finally:
                reading.close()

    def close(self) -> None:
        """Free the memory of the rows; counts, sum and bad rows stay."""
        self.connection.close()

    @property
    def doubles(self) -> tuple[str, ...]:
        """The amounts that came as binary fractions and were rounded to 15 decimals."""
        return tuple(sorted({name for layout in self.layouts for name in layout.doubles}))

    def select(self, statement: str, *parameters: Any) -> list[Any]:
        return self.connection.execute(statement, parameters).fetchall()

    def batches(self, statement: str) -> Iterator[list[Any]]:
        """The rows of a query, BATCH of them at a time."""
        result = self.connection.execute(statement)
        while rows := result.fetchmany(BATCH):
            yield rows

    def stream(self, statement: str) -> Iterator[Any]:
        """The rows of a query."""
        return chain.from_iterable(self.batches(statement))

    def _load(self) -> None:
        for number, file in enumerate(self.files):
            before = file.path.stat()
            load = self._load_parquet if file.is_parquet else self._load_csv
            self.layouts.append(load(f"raw{number}", file))
            after = file.path.stat()
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise UsageFileError(Fault.CHANGED, file=file.name)
        self._check()

    def _load_csv(self, table: str, file: FileFacts) -> Layout:
        """DuckDB reads a well-formed file; any other goes through Python's `csv` first, since
        DuckDB's own list of errors takes a gigabyte for a million of them."""
        layout = read_header(file.path, file.name)
        columns = [f"c{place}" for place in range(len(layout.names))]
        try:
            source = _read_csv(file.path, columns, layout.delimiter)
            self._store(table, f"SELECT row_number() OVER () AS n, * FROM {source}")  # noqa: S608
        except duckdb.InvalidInputException:
            clean = self.folder / f"{table}.csv"
            count = copy_well_formed(file.path, clean, layout, file.name, self.bad)
            source = _read_csv(clean, ["number", *columns], ",")
            self._store(
                table,
                f"SELECT number::BIGINT AS n, * EXCLUDE number FROM {source}",  # noqa: S608
            )
            clean.unlink()
            if self.select(f"SELECT count(*) FROM {table}") != [(count,)]:  # noqa: S608
                raise UsageFileError(Fault.QUOTES, file=file.name) from None
        return layout

    def _load_parquet(self, table: str, file: FileFacts) -> Layout:
        source = f"read_parquet({text_of(os.fspath(file.path))})"
        try:
            columns = self.select(f"DESCRIBE SELECT * FROM {source}")  # noqa: S608
            types = {str(row[0]).strip().casefold(): str(row[1]) for row in columns}
            doubles = tuple(n for n in NEEDED if types.get(n.casefold()) in ("DOUBLE", "FLOAT"))
            layout = layout_of([row[0] for row in columns], file.name, doubles=doubles)
            texts = [f"CAST(#{place + 1} AS VARCHAR)" for place in range(len(columns))]
            listed = ", ".join(
                f"CASE WHEN {text} NOT IN ({NULL_TEXTS}) THEN {text} END AS c{place}"
                for place, text in enumerate(texts)
            )
            self._store(table, f"SELECT row_number() OVER () AS n, {listed} FROM {source}")  # noqa: S608
        except duckdb.Error as error:
            if _lacks_space(error):
                raise
            raise UsageFileError(Fault.BROKEN_PARQUET, file=file.name) from None
        return layout

    def _store(self, table: str, query: str) -> None:
        """Keep the rows of the query as Parquet in the folder, which is quicker than a table and
        takes little memory."""
        path = text_of(str(self.folder / f"{table}.parquet"))
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {STORED_ROWS}"
        self.connection.execute(f"COPY ({query}) TO {path} ({options})")
        self.connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet({path})")  # noqa: S608

    def _check(self) -> None:
        """Make the table `checked` of all good rows, and list the bad ones."""
        source = " UNION ALL ".join(
            select_source(f"raw{number}", number, layout, self.terms.key_column, self.terms.period)
            for number, layout in enumerate(self.layouts)
        )
        source = self._without_exponents(source)
        checked = select_checked(source, self.terms.zone, self.terms.currency)
        self.connection.execute(
            f"CREATE TABLE checked AS SELECT file, n, key, service_name AS service, "  # noqa: S608
            f"kind AS category, usage_on, period_on, amount, start_at, end_at, reason "
            f"FROM ({checked})"
        )
        bad = f"SELECT file, n, reason, {_values()} FROM ({checked}) WHERE reason IS NOT NULL"  # noqa: S608
        if self.select("SELECT 1 FROM checked WHERE reason IS NOT NULL LIMIT 1"):
            for file, number, reason, value in self.stream(f"{bad} ORDER BY file, n"):
                code, _sign, column = reason.partition("|")
                name = self.files[file].name
                self.bad.add(BadRow(name, number + 1, code, column, value or ""))
            self.bad.listed.sort(key=lambda row: (row.file, row.row))
            self.connection.execute("DELETE FROM checked WHERE reason IS NOT NULL")
        sums = f"SELECT count(*), sum(amount), sum(abs(amount))::{AMOUNT} FROM checked"  # noqa: S608
        ((self.rows, total, size),) = self.select(sums)
        self.total = Decimal(total or 0)
        if size is not None and size > MAX_TOTAL:
            raise UsageFileError(Fault.AMOUNTS_LARGE, file=self.files[0].name)

    def _without_exponents(self, source: str) -> str:
        """The source with amounts such as 3.52E-6 written out, exactly."""
        self.connection.execute("CREATE TABLE exponents (written VARCHAR, plain VARCHAR)")
        query = (
            f"SELECT DISTINCT trim(cost) FROM ({source}) "  # noqa: S608
            f"WHERE NOT is_double AND regexp_full_match(trim(cost), {text_of(WITH_EXPONENT)})"
        )
        written = [text for (text,) in self.stream(query)]
        if not written:
            return source
        for begin in range(0, len(written), BATCH):
            texts = written[begin : begin + BATCH]
            plain = [format(Decimal(text), "f") for text in texts]
            self.connection.execute(
                "INSERT INTO exponents SELECT unnest(?), unnest(?)", [texts, plain]
            )
        return (
            "SELECT s.* REPLACE (coalesce(e.plain, s.cost) AS cost) "  # noqa: S608
            f"FROM ({source}) s LEFT JOIN exponents e ON e.written = trim(s.cost)"
        )


def _lacks_space(error: duckdb.Error) -> bool:
    """Whether a disk is full, or a limit of DuckDB is reached: its exception for memory is also
    that for the folder of temporary files."""
    is_full = isinstance(error, duckdb.IOException) and "space" in str(error).lower()
    return is_full or isinstance(error, duckdb.OutOfMemoryException)


def _read_csv(path: Path, columns: list[str], delimiter: str) -> str:
    types = ", ".join(f"'{column}': 'VARCHAR'" for column in columns)
    return (
        f"read_csv({text_of(os.fspath(path))}, auto_detect=false, header=true, "
        f"columns={{{types}}}, delim={text_of(delimiter)}, quote='\"', escape='\"', "
        f"nullstr=[{NULL_TEXTS}], strict_mode=true, null_padding=false, "
        f"max_line_size={MAX_LINE_BYTES}, buffer_size={BUFFER_BYTES})"
    )


def _values() -> str:
    """The value of the column that the reason names."""
    cases = " ".join(f"WHEN '{column}' THEN \"{name}\"" for column, name in VALUES.items())
    return f"CASE split_part(reason, '|', 2) {cases} ELSE key END"
