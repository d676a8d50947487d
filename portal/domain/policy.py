"""Policy of the installation: sign-up, initial grant, e-mail domains, currency, limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

UTC = ZoneInfo("UTC")


class SignUpPolicy(StrEnum):
    OPEN = "open"
    INVITED = "invited"
    CLOSED = "closed"


@dataclass(frozen=True)
class Policy:
    """The settings that business rules read; `initial_grant` is an amount in `currency`."""

    product_name: str = ""
    sign_up: SignUpPolicy = SignUpPolicy.OPEN
    initial_grant: Decimal = Decimal(0)
    initial_grant_lasts: timedelta = timedelta(days=60)
    grant_pays_all: bool = False
    """Whether lots pay for taxes and purchases, too."""
    customer_email_domains: tuple[str, ...] = ()
    currency: str = "EUR"
    access_propagation: timedelta = timedelta(seconds=180)
    invitations_per_day: int = 50
    billing_time_zone: ZoneInfo = UTC
    notice_days: int = 30
    close_after_days: int | None = None
    """Days after a month's end until its closing begins automatically; None: never."""
    statement_years: int = 10
    statement_prefix: str = ""
    seller_name: str = ""
    seller_address: tuple[str, ...] = ()
    raw_months: int = 24
    """For which rows of usage are kept after they were published."""


_current = Policy()


def configure(policy: Policy) -> None:
    """Set the policy of the whole process."""
    global _current  # noqa: PLW0603 - a process serves one installation
    _current = policy


def current() -> Policy:
    """The policy in force."""
    return _current
