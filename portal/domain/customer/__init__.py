"""Customers of a partner: the record, adding, editing, answering, ending, erasing, the list."""

from portal.domain.customer.acceptance import Week, acceptance_for
from portal.domain.customer.adding import add, problems, refuse_to_grow
from portal.domain.customer.answering import accept, decline, sees_as_own_customers
from portal.domain.customer.editing import correct_address, draft_of, edit
from portal.domain.customer.ending import end_partnership, remove, resume, suspend
from portal.domain.customer.erasing import erase
from portal.domain.customer.listing import (
    ME,
    NOBODY,
    PAGE,
    Counts,
    CustomerRow,
    Filter,
    counts_for,
    history_of,
    live_customers,
    page_for,
    staff_of,
    subaccount_cards,
)
from portal.domain.customer.managers import Manager, managed_by, manager_of, managers_of
from portal.domain.customer.notes import (
    NOTE_LONGEST,
    NOTES_PAGE,
    CustomerNote,
    NoteLine,
    add_note,
    delete_note,
    erase_notes,
    may_delete_note,
    note_text,
    notes_on,
)
from portal.domain.customer.pacing import invitations_left, next_invitation_at, too_many
from portal.domain.customer.record import Customer, Draft, Status, shaped
from portal.domain.customer.telling import tell_of_delivery, tell_partner

__all__ = [
    "ME",
    "NOBODY",
    "NOTES_PAGE",
    "NOTE_LONGEST",
    "PAGE",
    "Counts",
    "Customer",
    "CustomerNote",
    "CustomerRow",
    "Draft",
    "Filter",
    "Manager",
    "NoteLine",
    "Status",
    "Week",
    "accept",
    "acceptance_for",
    "add",
    "add_note",
    "correct_address",
    "counts_for",
    "decline",
    "delete_note",
    "draft_of",
    "edit",
    "end_partnership",
    "erase",
    "erase_notes",
    "history_of",
    "invitations_left",
    "live_customers",
    "managed_by",
    "manager_of",
    "managers_of",
    "may_delete_note",
    "next_invitation_at",
    "note_text",
    "notes_on",
    "page_for",
    "problems",
    "refuse_to_grow",
    "remove",
    "resume",
    "sees_as_own_customers",
    "shaped",
    "staff_of",
    "subaccount_cards",
    "suspend",
    "tell_of_delivery",
    "tell_partner",
    "too_many",
]
