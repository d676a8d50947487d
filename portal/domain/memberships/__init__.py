"""Memberships: people on the clouds of connections, and what they sign in with there.

A membership is made with a person's first access, or at once for a person whom an operator mapped
to an identity at the connection. Who has a role and no membership has taken no access yet, and
nothing is ordered. Verbs that change roles settle the memberships that exist.
"""

from portal.domain.memberships.accesses import (
    Shown,
    accesses_of,
    cloud_id_of,
    get_access,
    refusal_to_get,
    show,
    withdraw,
    withdraw_due,
    withdraw_unseen,
)
from portal.domain.memberships.listing import (
    OnCloud,
    Standing,
    is_carried_out,
    memberships_of,
    progress_of,
    standing_of,
)
from portal.domain.memberships.outcomes import (
    Agreed,
    agreed,
    agreed_access,
    record_fault,
    record_granted,
    record_made,
    record_revoked,
    record_withdrawn,
)
from portal.domain.memberships.people import (
    PAGE,
    Mapping,
    is_federated,
    map_person,
    mappings_for,
)
from portal.domain.memberships.record import (
    MAX_ACCESSES,
    MAX_DAYS,
    RETENTION,
    SHOW_WITHIN,
    Access,
    AccessSecret,
    CloudIdentity,
    Membership,
    Progress,
)
from portal.domain.memberships.retention import purge_expired
from portal.domain.memberships.roles import GIVING_ACCESS, roles_as_staff, roles_by_hand
from portal.domain.memberships.settling import (
    begin_again,
    grant_again,
    lock_people,
    reinstate,
    revoke_again,
    revoke_all,
    settle,
    settle_closed,
    settle_cloud,
    settle_due,
    settle_partner,
    settle_user,
)
