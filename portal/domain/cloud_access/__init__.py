"""Access control of a cloud: who holds which role on it, given, changed and taken back by owners.

A holder is a user, or a partner's account, whose role holds for its staff with editor or higher.
"""

from portal.domain.cloud_access.grants import change, grant, revoke, revoke_partner
from portal.domain.cloud_access.members import AccessRequest, Member, access_request_for, members_of
