"""The guide: its pages in order, their audiences, and the page for each screen.

A page's text is `<language>/<slug>.md`. There, **bold** quotes a label of the screens and *italic*
a sentence. Both are written as in the code, with the translation context before a bar
(**staff|Remove**), and translated like it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import url_for
from flask_babel import get_locale, lazy_gettext
from flask_babel import gettext as _
from markupsafe import Markup

from portal.domain.feedback import Reason
from portal.wording.guide.text import FOLDER, render

LANGUAGES = ("en", "ru")
AUDIENCES = {
    "partner": lazy_gettext("For partners"),
    "customer": lazy_gettext("For customers"),
    "everybody": lazy_gettext("For everybody"),
    "operator": lazy_gettext("For operators"),
}


REASONS = {
    Reason.NO_ANSWER: lazy_gettext("No answer to my question"),
    Reason.NO_USE: lazy_gettext("Recommendations didn't help"),
    Reason.OTHER_TITLE: lazy_gettext("The content doesn't match title"),
    Reason.OTHER: lazy_gettext("Other"),
}
"""The label of each reason why a page did not help."""


class Page(NamedTuple):
    """A page of the guide."""

    slug: str
    title: Any
    audience: str


PAGES = {
    page.slug: page
    for page in (
        Page("getting-started", lazy_gettext("From first customer to linked cloud"), "partner"),
        Page("paid", lazy_gettext("Switch to the paid mode"), "partner"),
        Page("new-customer", lazy_gettext("Add one customer"), "partner"),
        Page("invitation", lazy_gettext("What becomes of the invitation’s email"), "partner"),
        Page("many-customers", lazy_gettext("Many customers at once"), "partner"),
        Page("waiting", lazy_gettext("Find who has not answered"), "partner"),
        Page("ending", lazy_gettext("Suspend, resume and end"), "partner"),
        Page("customers-cloud", lazy_gettext("Link a customer’s cloud"), "partner"),
        Page("prices", lazy_gettext("Prices for your customers"), "partner"),
        Page("statements", lazy_gettext("Statements for your customers"), "partner"),
        Page("team", lazy_gettext("Your team and its roles"), "partner"),
        Page("answering", lazy_gettext("Confirm a partnership, or decline it"), "customer"),
        Page("who-pays", lazy_gettext("Your clouds and who pays for them"), "customer"),
        Page("own-cloud", lazy_gettext("Link your own cloud"), "customer"),
        Page("statement", lazy_gettext("Read a statement of your partner"), "customer"),
        Page("access", lazy_gettext("Give a partner access, or take it back"), "customer"),
        Page("usage", lazy_gettext("Usage and what it cost"), "everybody"),
        Page("not-linked", lazy_gettext("Why a cloud can’t be linked"), "everybody"),
        Page("sign-in", lazy_gettext("Signing up, signing in"), "everybody"),
        Page("profile", lazy_gettext("Your profile and notices"), "everybody"),
        Page("operating", lazy_gettext("Run the installation"), "operator"),
        Page("months", lazy_gettext("Close a month"), "operator"),
    )
}

SCREENS = {
    "partner": "getting-started",
    "partner.customers": "getting-started",
    "partner.customers.add": "new-customer",
    "partner.customers.edit": "new-customer",
    "partner.customers.show": "invitation",
    "partner.customers.correct_address": "invitation",
    "partner.customers.acceptance": "waiting",
    "partner.customers.upload": "many-customers",
    "partner.customers.show_import": "many-customers",
    "partner.customers.clouds": "customers-cloud",
    "partner.customers.suspend": "ending",
    "partner.customers.resume": "ending",
    "partner.customers.remove": "ending",
    "partner.customers.end_partnership": "ending",
    "partner.customers.give_notice": "ending",
    "partner.customers.withdraw_notice": "ending",
    "partner.customers.set_budget": "prices",
    "partner.customers.usage": "usage",
    "partner.usage": "usage",
    "partner.budgets": "prices",
    "partner.prices": "prices",
    "partner.statements": "statements",
    "partner.team": "team",
    "console": "who-pays",
    "console.access": "access",
    "console.billing.switch_to_paid": "paid",
    "console.budget": "usage",
    "console.usage": "usage",
    "console.linking": "not-linked",
    "console.statements": "statement",
    "invites": "answering",
    "auth": "sign-in",
    "confirm": "sign-in",
    "password_reset": "sign-in",
    "profile": "profile",
    "notifications": "profile",
    "operator": "operating",
    "operator.show_months": "months",
    "operator.show_month": "months",
    "operator.finalise_month": "months",
    "operator.close_month": "months",
    "operator.stop_month": "months",
}
"""The page for a screen, by its endpoint or the blueprint above it; otherwise the contents."""


def language() -> str:
    """Return the reader's language, or English where the guide does not have it."""
    code = str(get_locale()).partition("_")[0]
    return code if code in LANGUAGES else LANGUAGES[0]


def link(slug: str, anchor: str | None = None) -> Markup:
    """Return a link to a page of the guide, for screens that need explanation."""
    url = url_for("help.show", slug=slug, _anchor=anchor)
    text = _("Help: %(page)s", page=PAGES[slug].title)
    return Markup('<a class="help" href="{}">{}</a>').format(url, text)


def url_of(endpoint: str | None) -> str:
    """Return the URL of *Help* on a screen."""
    name = endpoint or ""
    while name:
        if name in SCREENS:
            return url_for("help.show", slug=SCREENS[name])
        name = name.rpartition(".")[0]
    return url_for("help.index")
