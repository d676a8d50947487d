"""The demonstration data, created by the domain's verbs; companies and people are invented."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from portal import db
from portal.demo import scenarios, usage
from portal.demo.people import PASSWORD, PEOPLE, Directory
from portal.demo.timeline import Timeline
from portal.domain import identity, policy
from portal.domain.policy import Policy

CUSTOMERS = 300
MIN_CUSTOMERS = 45
"""With fewer, some kinds of stories do not occur."""
DAYS = 370
"""The length of the timeline."""


def is_empty() -> bool:
    """Return whether the database has no users."""
    return not identity.has_users()


def accounts_table() -> str:
    """Return the demonstration's accounts as a table for the terminal; empty if it has none."""
    emails = [email for email in PEOPLE if identity.user_by_email(email) is not None]
    if not emails:
        return ""
    lines = [f"  {email:28} {PEOPLE[email][1]}" for email in emails]
    return f"Sign in with the password {PASSWORD!r} as\n" + "\n".join(lines) + "\n"


def seed(
    *, customers: int = CUSTOMERS, on_progress: Callable[[int], object] = lambda _days: None
) -> None:
    """Create three partners, their customers over the last year, and today's events.

    One unit of work: part of the data would be mistaken for data in use. `on_progress` gets the
    number of days completed since its last call, DAYS in all.
    """
    password_hash = identity.hash_password(PASSWORD)
    installation_policy = policy.current()
    # The limits of this installation do not apply to the demonstration's past.
    policy.configure(
        Policy(
            initial_grant=installation_policy.initial_grant, currency=installation_policy.currency
        )
    )
    try:
        db.write(partial(_seed, password_hash, customers, on_progress))
    finally:
        policy.configure(installation_policy)


def _seed(password_hash: str, customers: int, on_progress: Callable[[int], object]) -> None:
    timeline, directory = Timeline(db.now()), Directory(password_hash)
    scenarios.schedule(timeline, directory, customers=customers)
    timeline.run(on_progress)
