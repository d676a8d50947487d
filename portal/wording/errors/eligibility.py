"""Error messages of linking a cloud and of changing its access."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext

from portal.domain.errors import Code
from portal.i18n.formats import local_day, plain_day, time_left

Facts = Mapping[str, Any]

OWNER = "resource-manager.clouds.owner"


def _(text: str, **facts: Any) -> str:
    return str(gettext(text, **facts))


def _role_insufficient(facts: Facts) -> str:
    if facts["role"] is None:
        return _("You have no role on this cloud. Linking needs %(owner)s.", owner=OWNER)
    return _(
        "You hold %(role)s. Linking needs %(owner)s: an owner can change the role in Access "
        "control.",
        role=facts["role"],
        owner=OWNER,
    )


REASONS: dict[str, Callable[[Facts], str]] = {
    Code.ROLE_TOO_RECENT: lambda f: _(
        "Too little time has passed since the owner role was assigned. It is in effect in "
        "%(time)s; then this can be linked.",
        time=time_left(f["until"]),
    ),
    Code.ROLE_INSUFFICIENT: _role_insufficient,
    Code.ACCOUNT_ROLE_MISSING: lambda f: _(
        "Your role on the account to link to is too weak. Linking needs editor or higher there."
    ),
    Code.NOT_THIS_CUSTOMERS: lambda f: _(
        "As the partner you link only clouds that this customer’s user owns. Ask the owner to link "
        "it, or choose the account of the customer whose it is."
    ),
    Code.CUSTOMER_SUSPENDED: lambda f: _(
        "The customer is suspended; nothing can be linked to this subaccount until the partner "
        "resumes it."
    ),
    Code.NOT_VERIFIED: lambda f: _(
        "Not verified yet: it is not known whether this cloud is yours."
    ),
    Code.PARTNERSHIP_ENDING: lambda f: _(
        "The partnership ends on %(day)s; nothing can be linked to this subaccount or created in "
        "it.",
        day=plain_day(f["day"]),
    ),
    Code.NO_NEW_CLOUDS: lambda f: _(
        "The partner’s limit for this month is reached: before %(day)s no cloud can be created in "
        "this subaccount or linked to it.",
        day=plain_day(f["day"]),
    ),
    Code.BALANCE_NEGATIVE: lambda f: _(
        "This account owes money: before its balance is settled no cloud can be created in it or "
        "linked to it. What runs goes on running."
    ),
    Code.ALREADY_LINKED: lambda f: _(
        "Already linked to this account since %(day)s.", day=local_day(f["since"])
    ),
    Code.PAID_TO_TRIAL: lambda f: _(
        "The cloud is paid for by an account in paid mode, and this account is in trial. Switch "
        "this account to paid first; it is free."
    ),
    Code.EFFECT_CHANGED: lambda f: _(
        "Something changed since this was shown. Read what linking does now, then decide again."
    ),
    Code.NO_PARTNER: lambda f: _(
        "There is no partner with this account ID. Ask the partner for it; it begins with dn2."
    ),
    Code.LAST_CLOUD_OWNER: lambda f: _(
        "A cloud always has an owner, and this is the last one. Give somebody else the owner role "
        "first, and wait until it is in effect."
    ),
    Code.CUSTOMERS_LAST_ROLE: lambda f: _(
        "This is the last role of the customer’s people here; a partner can’t take or lower it. "
        "Another of their people must hold one first."
    ),
}
