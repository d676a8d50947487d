"""Usage: sources deliver what clouds used and cost; rows are kept, summed exactly, assigned."""

from portal.domain.usage.amounts import exact, split
from portal.domain.usage.changes import CHANGES_PAGE, AccountChange, Changes, changes_of
from portal.domain.usage.clearing import clear_some
from portal.domain.usage.erasing import extras, pieces_with, replace_extras, rows_of
from portal.domain.usage.invoices import (
    Comparison,
    UsageInvoice,
    comparisons_for,
    find_invoice,
    record_invoice,
    remove_invoice,
)
from portal.domain.usage.key_ids import identify_keys
from portal.domain.usage.keys import (
    SUBJECT,
    Plan,
    PlanOutdated,
    apply_assignment,
    assign,
    plan_assignment,
    unassign,
)
from portal.domain.usage.listing import (
    PAGE,
    AssignedKey,
    CloudBefore,
    Periods,
    Preview,
    Sum,
    UnassignedKey,
    assigned_for,
    before_for,
    count_staged,
    count_unassigned,
    deliveries_for,
    find_cloud,
    find_key,
    latest_for,
    periods_of,
    preview,
    unassigned_for,
)
from portal.domain.usage.parts import part, part_numbers, parts_of
from portal.domain.usage.preparing import (
    Outdated,
    Preparation,
    kept_in_force,
    prepare_assignment,
    prepare_publishing,
    prepare_removal,
)
from portal.domain.usage.publishing import charge, publish, refuse_repetition, remove
from portal.domain.usage.record import (
    MAX_NAME_LENGTH,
    Category,
    Delivery,
    DeliveryFile,
    DeliveryKey,
    DeliveryPart,
    DeliveryScope,
    DeliveryUpload,
    Mode,
    PartKind,
    State,
    UsageGroup,
    UsageKey,
    UsageSource,
    counts,
)
from portal.domain.usage.requests import discard, publish_or_queue, queue, remove_or_queue
from portal.domain.usage.retention import UNUSED_RETENTION, purge_expired
from portal.domain.usage.sources import add_source, file_sources_for, find_source, source_of
from portal.domain.usage.staging import (
    KeyIds,
    LeaseLost,
    Staging,
    add_groups,
    add_piece,
    begin,
    claim,
    digest,
    finish,
    give_up,
    hold,
    refuse,
    set_files,
)
from portal.domain.usage.uploads import CHUNK_BYTES, add_chunk, begin_upload, chunks
from portal.domain.usage.warnings import Warnings, warnings_of
