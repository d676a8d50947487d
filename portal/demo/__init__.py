"""The demonstration world, told in the verbs of the domain; every firm and person is invented."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from portal import db
from portal.demo.people import PASSWORD, PEOPLE, Cast
from portal.demo.scenarios import write
from portal.demo.timeline import Diary
from portal.domain import identity, policy
from portal.domain.policy import Policy

CUSTOMERS, FEWEST = 300, 45
"""With fewer, not every kind of story is told."""
DAYS = 370
"""The length of what is told."""


def is_empty() -> bool:
    """Whether nobody has an account here yet."""
    return not identity.has_users()


def sign_ins() -> str:
    """Who one can be in the demonstration, as a table for the terminal; empty without one."""
    known = [email for email in PEOPLE if identity.user_by_email(email) is not None]
    if not known:
        return ""
    lines = [f"  {email:28} {PEOPLE[email][1]}" for email in known]
    return f"Sign in with the password {PASSWORD!r} as\n" + "\n".join(lines) + "\n"


def seed(*, customers: int = CUSTOMERS, told: Callable[[int], object] = lambda _days: None) -> None:
    """Three partners and their customers over the last year, and the present; all or nothing, for
    half a world would be taken for one that is in use. `told` hears of the days as they are told.
    """
    password_hash = identity.hash_password(PASSWORD)
    agreed = policy.current()
    # The limits of this installation are not those under which the story took place.
    policy.configure(Policy(initial_grant=agreed.initial_grant, currency=agreed.currency))
    try:
        db.write(partial(_seed, password_hash, customers, told))
    finally:
        policy.configure(agreed)


def _seed(password_hash: str, customers: int, told: Callable[[int], object]) -> None:
    diary, cast = Diary(db.now()), Cast(password_hash)
    write(diary, cast, customers=customers)
    diary.tell(told)
