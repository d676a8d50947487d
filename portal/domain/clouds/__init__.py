"""Clouds, their folders, and their links: the dated record of which account pays."""

from portal.domain.clouds.carrying_out import (
    PAGE_TO_CARRY_OUT,
    connections_of,
    entry_for,
    numbers_by_connection,
    record_done,
    record_fault,
    to_carry_out,
)
from portal.domain.clouds.closing import (
    GRACE,
    close,
    close_due,
    close_refusal,
    restore,
)
from portal.domain.clouds.emptiness import ask_whether_empty, is_unused, record_emptiness
from portal.domain.clouds.lifecycle import (
    DEFAULT_NAME,
    MAX_NAME_LENGTH,
    adopt,
    audit_chain_of,
    create,
    create_folder,
    create_with_folder,
    limit,
    rename,
    rename_folder,
    require_open,
    require_payer,
)
from portal.domain.clouds.listing import (
    PAGE,
    CloudRow,
    Payer,
    cloud_on_connection,
    clouds_linked_to,
    clouds_on,
    default_folder,
    first_clouds_of,
    folders_of,
    linked_page_of,
    other_clouds_for,
    partner_name_for,
    payer_columns_for,
    payer_of,
    payers_of,
    visible_payer,
)
from portal.domain.clouds.ordering import (
    SUSPENSION,
    TASKS,
    OrderFacts,
    begin_order,
    end_order_fault,
    lock_linked_to,
    order_changes,
    record_order,
    record_order_fault,
)
from portal.domain.clouds.pending import (
    PendingTasks,
    Task,
    has_tasks,
    pending_query,
    pending_tasks,
    pending_tasks_of,
)
from portal.domain.clouds.progress import Place, Progress, ProgressState, progress_for
from portal.domain.clouds.record import Cloud, Folder, Link
