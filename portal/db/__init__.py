"""The database: transactions, IDs, the time of a unit of work, column types, dialects."""

from portal.db.bulk import insert_rows
from portal.db.dialects import engine_options, register_listeners
from portal.db.ids import PREFIXES, new_id
from portal.db.lenient import (
    LenientDateTime,
    LenientObject,
    make_readable,
    unreadable_columns,
)
from portal.db.restoring import SET_MARK
from portal.db.revisions import database_revision, head_revision, is_known_revision
from portal.db.schema import Base
from portal.db.time import now, set_now
from portal.db.transactions import (
    CommittedError,
    after_commit,
    defer,
    end_restoring,
    extension,
    find,
    is_restoring,
    load_once,
    lock,
    read,
    refuse_restoring,
    run_deferred,
    savepoint,
    session,
    try_write,
    write,
)
from portal.db.types import Money, SortedJson, UtcDateTime, enum_column
from portal.db.unavailable import Reason, Unavailable, unavailable_from
