"""Clouds, their folders, and their links: the dated record of which account pays."""

from portal.domain.clouds.carrying_out import (
    Task,
    ToCarryOut,
    entry_for,
    numbers_by_connection,
    progress_of,
    record_done,
    record_fault,
    to_carry_out,
)
from portal.domain.clouds.lifecycle import (
    DEFAULT_NAME,
    MAX_NAME_LENGTH,
    audit_chain_of,
    create,
    create_folder,
    create_with_folder,
    rename,
    rename_folder,
    require_open,
)
from portal.domain.clouds.listing import (
    PAGE,
    CloudRow,
    Payer,
    clouds_linked_to,
    default_folder,
    folders_of,
    other_clouds_for,
    payer_columns_for,
    payer_of,
    payers_of,
)
from portal.domain.clouds.record import Cloud, Folder, Link
