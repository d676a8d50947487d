"""Wording of money: kinds of postings, and what bears them."""

from __future__ import annotations

from collections.abc import Iterable

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from portal.domain.ledger import PERSONAL, WAIVED, Lot, PostingKind
from portal.i18n.formats import plain_day

POSTING_KINDS = {
    PostingKind.DELIVERY: lazy_gettext("Usage"),
    PostingKind.REMOVAL: lazy_gettext("Usage removed"),
    PostingKind.ASSIGNMENT: lazy_gettext("Usage assigned to a cloud"),
    PostingKind.LINK: lazy_gettext("Cloud linked"),
    PostingKind.SWITCH: lazy_gettext("Switch to paid"),
    PostingKind.LOT: lazy_gettext("Further grant"),
    PostingKind.PAYMENT: lazy_gettext("Payment"),
    PostingKind.CREDIT: lazy_gettext("Credit"),
    PostingKind.COUNTER: lazy_gettext("Counter entry"),
    PostingKind.REPRICING: lazy_gettext("Prices by a new rate"),
    PostingKind.EXPIRY: lazy_gettext("Grant expired"),
    PostingKind.ROUNDING: lazy_gettext("Rounding of a statement"),
}


def bearer_name(bearer: str, lots: Iterable[Lot]) -> str:
    """What an entry is about: the personal account, what is waived, or a grant."""
    if bearer == PERSONAL:
        return str(_("personal account"))
    if bearer == WAIVED:
        return str(_("waived"))
    last_on = next(lot.last_on for lot in lots if lot.id == bearer)
    return str(_("grant until %(day)s", day=plain_day(last_on)))
