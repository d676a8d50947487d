"""Ledger: lots, draws and entries of each paying account."""

from portal.domain.ledger.grants import add_lot, give_initial_grant, settle_from, switch_to_paid
from portal.domain.ledger.listing import PAGE, EntryRow, Money, entries_of, money_of
from portal.domain.ledger.manual import counter, give_lot, record_credit, record_payment
from portal.domain.ledger.payment import PERSONAL, UNITS_OF_MICRO, WAIVED, round_units
from portal.domain.ledger.posting import add_entries, begin, open_ledger, settle
from portal.domain.ledger.record import (
    MANUAL,
    Draw,
    DrawSum,
    Entry,
    Ledger,
    LedgerDay,
    Lot,
    Posting,
    PostingKind,
)
