"""Ledger: lots, draws and entries of each paying account."""

from portal.domain.ledger.closing import (
    borne_in,
    expire_lots,
    has_ending_lot,
    round_off,
    used_until,
)
from portal.domain.ledger.export import BookEntry, BookLot, entries_of_all, lots_of_all
from portal.domain.ledger.grants import add_lot, give_initial_grant, settle_from, switch_to_paid
from portal.domain.ledger.listing import PAGE, EntryRow, Money, entries_of, money_for, money_of
from portal.domain.ledger.manual import counter, give_lot, record_credit, record_payment
from portal.domain.ledger.payment import PERSONAL, UNITS_OF_MICRO, WAIVED, DayKind
from portal.domain.ledger.posting import (
    Change,
    Days,
    add_days,
    add_draws,
    begin,
    enter,
    find_changes,
    open_ledger,
    raise_versions,
    settle,
    versions_of,
)
from portal.domain.ledger.record import (
    MANUAL,
    WITHOUT_DRAWS,
    DaySum,
    Draw,
    Entry,
    Ledger,
    Lot,
    Posting,
    PostingKind,
)
