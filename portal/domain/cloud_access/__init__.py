"""Access control of a cloud: the roles that its owners grant, change and revoke.

A holder is a user or a partner account; the role of a partner account holds for its staff with the
role editor or higher.
"""

from portal.domain.cloud_access.grants import (
    change,
    grant,
    is_last_owner,
    revoke,
    revoke_partner,
    revoke_refusals,
)
from portal.domain.cloud_access.members import AccessRequest, Member, access_request_for, members_of
