"""Customers of a partner: their records, states, invitations, notes, list and saved views."""

from portal.domain.customers.acceptance_stats import Week, acceptance_by_week
from portal.domain.customers.adding import add, find_existing, find_problems, require_can_add
from portal.domain.customers.answering import accept, decline, is_own_customers_invitation
from portal.domain.customers.columns import COLUMNS, ONLY_EXPORTED, cells_of
from portal.domain.customers.editing import correct_address, draft_of, edit
from portal.domain.customers.ending import (
    due_for_ending,
    earliest_ending,
    ends_on,
    give_notice,
    withdraw_notice,
)
from portal.domain.customers.erasing import erase
from portal.domain.customers.history import ending_of, history_of
from portal.domain.customers.invitation_mails import (
    MAX_DELIVERIES,
    RESEND_WAIT,
    NotArrivedReason,
    queue_possible_resends,
    record_arrived,
    record_not_arrived,
    resend_refusal,
    send_again,
)
from portal.domain.customers.invitation_quota import next_invitation_at, quota_refusal
from portal.domain.customers.lifecycle import (
    clouds_in_use,
    end,
    end_partnership,
    remove,
    resume,
    suspend,
)
from portal.domain.customers.link_copies import LINK_COPIED, LinkCopy, copy_link, last_link_copy
from portal.domain.customers.listing import (
    EXPORT_PAGE,
    ME,
    NOBODY,
    PAGE,
    Counts,
    CustomerRow,
    ExportRow,
    Filter,
    SubaccountCard,
    count_live_customers,
    counts_for,
    export_rows,
    page_for,
    rows_of,
    staff_of,
    subaccount_cards,
)
from portal.domain.customers.managers import (
    Manager,
    count_managed_customers,
    manager_of,
    managers_of,
)
from portal.domain.customers.notes import (
    MAX_NOTE_LENGTH,
    NOTES_PAGE,
    CustomerNote,
    NoteLine,
    add_note,
    deletable_note_ids,
    delete_note,
    erase_notes,
    note_text,
    notes_on,
)
from portal.domain.customers.notifications import (
    notify_customer,
    notify_of_delivery,
    notify_partner,
)
from portal.domain.customers.people import administrators_of, people_of
from portal.domain.customers.record import (
    Customer,
    Draft,
    Status,
    lock_customer,
    normalise_field,
)
from portal.domain.customers.saved_views import (
    MAX_VIEW_NAME_LENGTH,
    MAX_VIEWS,
    SavedView,
    move_view,
    remove_view,
    rename_view,
    save_view,
    saved_views_of,
)
