"""Access control: roles on accounts and clouds, permissions, and THE role table.

Every page, form and command calls `may` or `require`; both read the role table.
"""

from portal.domain.access.account_roles import (
    assign_account_role,
    assign_cloud_role,
    change,
    grant,
    is_last_owner,
    require_recent_for,
    revoke,
)
from portal.domain.access.permissions import (
    AccountAccess,
    CloudAccess,
    account_ids,
    administers,
    cloud_ids,
    cloud_owners,
    ids_with,
    in_effect,
    is_staff,
    may,
    require,
    require_operator,
    roles_on_account,
    roles_on_cloud,
    staff_ids,
    users_with_role,
)
from portal.domain.access.role_table import (
    ACCOUNT_TABLE,
    CLOUD_TABLE,
    INVITED_TABLE,
    STAFF_ROLES,
    AccountRole,
    CloudRole,
)
