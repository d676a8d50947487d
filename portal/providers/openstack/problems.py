"""Codes of what needs an operator; the wording has a sentence for each."""

from __future__ import annotations

from enum import StrEnum


class Problem(StrEnum):
    """The codes of NeedsPerson. The comment names the facts."""

    CLOUD_DOUBLED = "openstack-cloud-doubled"  # projects
    CLOUD_GONE = "openstack-cloud-gone"  # project
    CLOUD_OF_ANOTHER = "openstack-cloud-of-another"  # project, id
    CLOUD_SUSPENDED = "openstack-cloud-suspended"  # project
    CREDENTIALS_WRONG = "openstack-credentials-wrong"  # said
    IDENTITY_NOT_OURS = "openstack-identity-not-ours"  # user
    IDENTITY_REVOKED = "openstack-identity-revoked"  # user, project
    IDENTITY_TAKEN = "openstack-identity-taken"  # provider, subject
    IDENTITY_UNKNOWN = "openstack-identity-unknown"  # provider, said
    LIST_CUT = "openstack-list-cut"  # list
    NAME_TAKEN = "openstack-name-taken"  # name, project
    NO_APPLICATION_CREDENTIALS = "openstack-no-application-credentials"
    NO_CONSOLE = "openstack-no-console"
    NO_RATING = "openstack-no-rating"
    NO_ROLE = "openstack-no-role"  # domain, said
    NO_USER = "openstack-no-user"  # member
    NOT_KEYSTONE = "openstack-not-keystone"  # said
    PASSWORD_EXPIRED = "openstack-password-expired"  # noqa: S105 - a code  # said
    RATING_REFUSED = "openstack-rating-refused"  # said
    RATING_UNCLEAR = "openstack-rating-unclear"  # said
    RIGHT_MISSING = "openstack-right-missing"  # request, said
    ROLE_MISSING = "openstack-role-missing"  # role
    USER_NOT_OURS = "openstack-user-not-ours"  # user, name
