"""Cloud, folder, and the dated links that say which account pays for a cloud."""

from portal.domain.clouds.lifecycle import (
    DEFAULT_NAME,
    MAX_NAME_LENGTH,
    audit_chain_of,
    create,
    create_folder,
    create_with_folder,
    refuse_closed,
    rename,
    rename_folder,
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
