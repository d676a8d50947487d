"""Usage files: FOCUS and plain CSV or Parquet, checked and summed exactly by DuckDB.

Plain values in and out; no database of ours. Each reading has its own folder and connection.
"""

from portal.usage_files.attribution import (
    Attribution,
    LateRow,
    Share,
    Span,
    Term,
    Total,
    attribute,
)
from portal.usage_files.bad_rows import MAX_LISTED, BadRow, BadRows
from portal.usage_files.charging import Charging
from portal.usage_files.columns import KEY_COLUMNS, PLAIN_COLUMNS
from portal.usage_files.faults import Fault, Reason, UsageFileError
from portal.usage_files.pieces import (
    Group,
    KeySum,
    Owned,
    Piece,
    ScopeSum,
    group_pieces,
    sum_before,
    without_rows,
)
from portal.usage_files.reading import Terms, UsageReading
from portal.usage_files.unpacking import FileFacts, digest_of, unpack
