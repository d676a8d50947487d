"""What this installation agreed with its users: grants, sign-up, domains, currency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum


class SignUpPolicy(StrEnum):
    OPEN = "open"
    INVITED = "invited"
    CLOSED = "closed"


@dataclass(frozen=True)
class Policy:
    """Filled from the settings at start; `initial_grant` is an amount in `currency`."""

    sign_up: SignUpPolicy = SignUpPolicy.OPEN
    initial_grant: Decimal = Decimal(0)
    initial_grant_lasts: timedelta = timedelta(days=60)
    customer_email_domains: tuple[str, ...] = ()
    currency: str = "EUR"
    access_propagation: timedelta = timedelta(seconds=180)
    invitations_per_day: int = 50


_current = Policy()


def configure(terms: Policy) -> None:
    """Put these terms in force, for the whole process."""
    global _current  # noqa: PLW0603 - one installation per process is the point
    _current = terms


def current() -> Policy:
    """The terms in force."""
    return _current
