"""Broken states of connections, and of clouds, memberships and accesses on them."""

from __future__ import annotations

from tests.support.broken_states.steps import APRIL
from tests.support.state_breaking import Case, copy

OTHER_CONNECTION = copy(
    "connections",
    "id = :connection",
    id="'con2'",
    kind="'webhook'",
    name_key="'2'",
    is_default="false",
)


CASES = (
    Case(
        "credentials-unreadable",
        ("UPDATE connections SET credentials = 'x' WHERE id = :connection",),
        ("connection",),
    ),
    Case(
        "claim-of-another-connection",
        (
            OTHER_CONNECTION,
            """UPDATE claims SET state = 'verified', cloud_id = :doras_cloud,
               connection_id = 'con2' WHERE id = :doras_claim""",
        ),
        ("doras_claim",),
    ),
    Case(
        "drift-of-another-connection",
        (
            OTHER_CONNECTION,
            f"""INSERT INTO drifts
                (id, connection_id, cloud_id, kind, external_id, theirs, role, found_at)
                VALUES ('drf2', 'con2', :doras_cloud, 'missing', 'x', '', '', {APRIL})""",
        ),
        ("drf2",),
    ),
    Case(
        "cloud-without-order",
        (
            OTHER_CONNECTION,
            "UPDATE clouds SET connection_id = 'con2' WHERE id = :doras_cloud",
        ),
        ("doras_cloud",),
    ),
    Case(
        "membership-without-role",
        (
            copy(
                "memberships",
                "id = :olgas_membership",
                id="'mem2'",
                user_id="(SELECT id FROM users WHERE email = 'dora@direct.example')",
                revoking_at="NULL",
                revoked_at="NULL",
            ),
        ),
        ("mem2",),
    ),
    Case(
        "revoke-not-ordered",
        ("UPDATE memberships SET revoked_at = NULL WHERE id = :olgas_membership",),
        ("olgas_membership",),
    ),
    Case(
        "access-past-its-end",
        ("UPDATE accesses SET ending_at = NULL, ended_at = NULL WHERE id = :olgas_access",),
        ("olgas_access",),
    ),
    Case(
        "access-secret-unreadable",
        ("INSERT INTO access_secrets (access_id, sealed) VALUES (:olgas_access, 'x')",),
        ("olgas_access",),
    ),
)
