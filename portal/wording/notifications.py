"""Notification wording: the name, title and meaning of each kind, and the subject of its mails.

Pages and mails share it, and each escapes it. A test checks that it is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from flask_babel import gettext, lazy_gettext

from portal.domain.ledger import PERSONAL, WAIVED
from portal.domain.notifications import Channel, Kind
from portal.i18n.formats import iso_day, money, month
from portal.wording import budgets
from portal.wording.labels import ROLES, unknown_reason
from portal.wording.quotes import quoted

Facts = Mapping[str, Any]
OURS = ("role", "reason", "day", "month", "percent", "step", "amount", "left", "next", "until")
"""Facts that are codes, dates or amounts; all others are names."""


def _(text: str, **facts: Any) -> str:
    return str(gettext(text, **facts))


class NotificationWording(NamedTuple):
    """A kind of notice: its name in the preferences, its title, what it means, and the subject of
    its mails, by default the name. A subject is ours alone: it has no facts."""

    name: Any
    title: Callable[[Facts], str]
    means: Any
    subject: Any = None


def _partnership_ended_title(facts: Facts) -> str:
    """Name the other side of the partnership."""
    other = facts.get("customer") or facts["partner"]
    return _("The partnership with %(other)s is over", other=other)


def _notice_given_title(facts: Facts) -> str:
    other = facts.get("customer") or facts["partner"]
    return _("The partnership with %(other)s ends on %(day)s", other=other, day=_day(facts))


def _notice_withdrawn_title(facts: Facts) -> str:
    other = facts.get("customer") or facts["partner"]
    return _("The partnership with %(other)s does not end on %(day)s", other=other, day=_day(facts))


def _day(facts: Facts) -> str:
    return iso_day(facts["day"])


def _month(facts: Facts) -> str:
    return month(date.fromisoformat(facts["month"]))


def _access_given_title(facts: Facts) -> str:
    """Use the label of a role on an account, but the code of a role on a cloud."""
    facts = {**facts, "role": ROLES.get(facts["role"], facts["role"])}
    if facts.get("person"):
        return _("%(person)s was given the role %(role)s on %(thing)s", **facts)
    return _("You were given the role %(role)s on %(thing)s", **facts)


def _access_taken_title(facts: Facts) -> str:
    if facts.get("person"):
        return _("%(person)s’s role on %(thing)s was taken back", **facts)
    return _("Your role on %(thing)s was taken back", **facts)


def _lot_used_title(facts: Facts) -> str:
    amounts = {**facts, "amount": money(Decimal(facts["amount"]))}
    if facts["percent"] == "100":
        return _("The grant of %(amount)s of %(account)s is used up", **amounts)
    return _("%(percent)s%% of the grant of %(amount)s of %(account)s is used", **amounts)


def _lot_expires_title(facts: Facts) -> str:
    return _(
        "The grant of %(account)s expires on %(day)s, %(left)s of it is left",
        account=facts["account"],
        day=_day(facts),
        left=money(Decimal(facts["left"])),
    )


def _next_bearer(facts: Facts) -> str:
    """What pays once a grant is used up or has expired."""
    if facts["next"] == PERSONAL:
        return _("After it, the personal account pays.")
    if facts["next"] == WAIVED:
        return _(
            "After it, the trial is over: no cloud can be created or linked before an owner "
            "switches the account to paid. Usage is not charged until then, except that of clouds "
            "that a paid account paid for before."
        )
    return _("After it, the grant that expires on %(day)s pays.", day=iso_day(facts["until"]))


WORDING = {
    Kind.CONFIRMED: NotificationWording(
        lazy_gettext("A customer confirmed"),
        lambda f: _("%(customer)s confirmed the partnership", **f),
        lazy_gettext("From that moment you pay for what is in the subaccount."),
    ),
    Kind.DECLINED: NotificationWording(
        lazy_gettext("A customer declined"),
        lambda f: _("%(customer)s declined the partnership", **f),
        lazy_gettext("The subaccount is closed; the address is free again."),
    ),
    Kind.NOT_DELIVERED: NotificationWording(
        lazy_gettext("An invitation’s email did not arrive"),
        lambda f: _("The email to %(customer)s was not delivered", **f),
        lazy_gettext(
            "The customer’s page has the reason. Correct the address, send the email again, or "
            "pass the link on."
        ),
    ),
    Kind.PARKED: NotificationWording(
        lazy_gettext("An invitation’s email is parked"),
        lambda f: _("Delivery unknown: the email to %(customer)s", **f),
        lazy_gettext(
            "Nobody can know whether it arrived, so it is not sent again. Pass the link on."
        ),
    ),
    Kind.LINKED: NotificationWording(
        lazy_gettext("A customer’s cloud was linked to their subaccount"),
        lambda f: _("The cloud %(cloud)s of %(customer)s was linked", **f),
        lazy_gettext("From that moment you pay for what is in it."),
    ),
    Kind.LEFT: NotificationWording(
        lazy_gettext("A customer’s cloud was linked away"),
        lambda f: _("The cloud %(cloud)s of %(customer)s was linked away", **f),
        lazy_gettext(
            "From that moment another account pays for it. What was used before stays with you, "
            "even if it is charged later."
        ),
    ),
    Kind.ENDED: NotificationWording(
        lazy_gettext("A partnership ended"),
        _partnership_ended_title,
        lazy_gettext("The subaccount is closed."),
    ),
    Kind.NOTICE_GIVEN: NotificationWording(
        lazy_gettext("Notice was given to end a partnership"),
        _notice_given_title,
        lazy_gettext(
            "From now on nothing can be linked to the subaccount or created in it. On that day its "
            "clouds move to another account, which pays from then on."
        ),
    ),
    Kind.NOTICE_WITHDRAWN: NotificationWording(
        lazy_gettext("Notice to end a partnership was withdrawn"),
        _notice_withdrawn_title,
        lazy_gettext("The notice was withdrawn. The subaccount can be used as before."),
    ),
    Kind.SUSPENDED: NotificationWording(
        lazy_gettext("A partner suspended my subaccount"),
        lambda f: _("%(partner)s suspended your subaccount", **f),
        lazy_gettext(
            "Your clouds stay linked, but nothing can be created there. You may link them to "
            "another account."
        ),
        lazy_gettext("Your subaccount was suspended"),
    ),
    Kind.RESUMED: NotificationWording(
        lazy_gettext("A partner resumed my subaccount"),
        lambda f: _("%(partner)s resumed your subaccount", **f),
        lazy_gettext("Clouds can be created there again."),
        lazy_gettext("Your subaccount was resumed"),
    ),
    Kind.MOVED: NotificationWording(
        lazy_gettext("Somebody else linked a cloud of mine"),
        lambda f: _("Your cloud %(cloud)s was linked to another account", **f),
        lazy_gettext("From that moment another account pays for it."),
        lazy_gettext("A cloud of yours was linked to another account"),
    ),
    Kind.PAYS: NotificationWording(
        lazy_gettext("My account pays for a cloud after a partnership ended"),
        lambda f: _("The account %(account)s pays for the cloud %(cloud)s", **f),
        lazy_gettext("The partnership in whose subaccount the cloud was has ended."),
        lazy_gettext("Your account pays for a cloud after a partnership ended"),
    ),
    Kind.ACCESS_GIVEN: NotificationWording(
        lazy_gettext("A role was given, to me or on what I own"),
        _access_given_title,
        lazy_gettext("A role that allows more takes a moment to be in effect."),
        lazy_gettext("A role was given, to you or on what you own"),
    ),
    Kind.ACCESS_TAKEN: NotificationWording(
        lazy_gettext("A role was taken back, mine or on what I own"),
        _access_taken_title,
        lazy_gettext("It allows nothing any more, at once."),
        lazy_gettext("A role was taken back, yours or on what you own"),
    ),
    Kind.OWNER_ADDED: NotificationWording(
        lazy_gettext("An owner was added to what I own"),
        lambda f: _("%(person)s becomes an owner of %(thing)s", **f),
        lazy_gettext(
            "Owners may do everything there. If you did not expect it, look at who has access."
        ),
        lazy_gettext("An owner was added to what you own"),
    ),
    Kind.FINALISING: NotificationWording(
        lazy_gettext("A month is about to be closed"),
        lambda f: _(
            "%(month)s of %(account)s is about to be closed", month=_month(f), account=f["account"]
        ),
        lazy_gettext(
            "A day later its costs and prices change no more, and statements are made. Partners "
            "set missing prices before."
        ),
    ),
    Kind.STATEMENT: NotificationWording(
        lazy_gettext("A statement is ready"),
        lambda f: _(
            "The statement of %(issuer)s for %(month)s is ready",
            issuer=f["issuer"],
            month=_month(f),
        ),
        lazy_gettext("You can read, print and download it."),
    ),
    Kind.LOT_USED: NotificationWording(
        lazy_gettext("80% of a grant is used, or all of it"), _lot_used_title, ""
    ),
    Kind.LOT_EXPIRES: NotificationWording(
        lazy_gettext("A grant expires in seven days"), _lot_expires_title, ""
    ),
    Kind.BUDGET: NotificationWording(
        lazy_gettext("A budget is reached, or will be by forecast"), budgets.title, ""
    ),
    Kind.LIMIT: NotificationWording(
        lazy_gettext("A partner’s limit for my subaccount is near or reached"),
        budgets.limit_title,
        "",
        lazy_gettext("Your partner’s limit for this month is near or reached"),
    ),
}

CHANNELS = {
    Channel.APP: lazy_gettext("In the application"),
    Channel.MAIL: lazy_gettext("By mail"),
}


def title(kind: Kind, facts: Facts) -> str:
    """Return what happened, without a full stop."""
    return WORDING[kind].title(facts)


def subject(kind: Kind) -> str:
    """Return the subject of a mail about notifications of this kind."""
    wording = WORDING[kind]
    return str(wording.subject or wording.name)


def mail_title(kind: Kind, facts: Facts) -> str:
    """Return the title with the names that others chose quoted."""
    names = {name: fact if name in OURS else quoted(fact) for name, fact in facts.items()}
    return title(kind, names)


def mail_meanings(kind: Kind, entries: Iterable[Facts]) -> list[str]:
    """Return what the notifications of a mail mean, each meaning once."""
    return list(dict.fromkeys(meaning(kind, entry["facts"]) for entry in entries))


def meaning(kind: Kind, facts: Facts) -> str:
    """Return what it means for the reader, with the reason if it has one."""
    if kind in (Kind.LOT_USED, Kind.LOT_EXPIRES):
        return _next_bearer(facts)
    if kind in (Kind.BUDGET, Kind.LIMIT):
        return (budgets.meaning if kind == Kind.BUDGET else budgets.limit_meaning)(facts)
    means = str(WORDING[kind].means)
    if kind == Kind.PARKED and "reason" in facts:  # a mail has the kind as text
        return f"{unknown_reason(facts['reason'])} {means}"
    return means
