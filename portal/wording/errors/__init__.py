"""Error messages: a sentence for each code of refusals and invalid values.

Each says what is wrong and how to correct it. A test checks that every code has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from babel.lists import format_list
from flask_babel import get_locale, gettext, ngettext

from portal.domain.errors import Code, Refused
from portal.i18n.formats import local_time, plain_day
from portal.wording.errors import (
    connections,
    imports,
    limits,
    mails,
    money,
    partners,
    people,
    usage,
    work,
)
from portal.wording.errors.eligibility import REASONS

Facts = Mapping[str, Any]


def _(text: str, **facts: Any) -> str:
    return str(gettext(text, **facts))


def sentence(code: str, facts: Facts) -> str:
    """Return the sentence of a code, filled with the facts. Raises KeyError for an unknown code."""
    return SENTENCES[code](facts)


def sentence_of(refused: Refused) -> str:
    """Return the sentence of a refusal."""
    return sentence(refused.code, refused.facts)


def country_name(code: str) -> str:
    """Return the country's name in the reader's language."""
    locale: Any = get_locale()
    return str(locale.territories.get(code, code))


def tax_label(label: str) -> str:
    """Return the name of a kind of tax number in the reader's language."""
    return {
        "VAT number": _("VAT number"),
        "Tax number": _("Tax number"),
        "INN": _("INN"),
        "BIN/IIN": _("BIN/IIN"),
        "UNP": _("UNP"),
        "EDRPOU/RNOKPP": _("EDRPOU/RNOKPP"),
        "Organisation number": _("Organisation number"),
        "PIB": _("PIB"),
    }.get(label, label)


def _tax_check(facts: Facts) -> str:
    return _(
        "The check digit does not match. Compare the %(label)s with the firm’s papers, "
        "digit by digit.",
        label=tax_label(facts["label"]),
    )


def _character(facts: Facts) -> str:
    return _(
        "Character %(position)s (%(character)s) can’t be seen and is not accepted. "
        "Delete it, or type the text again.",
        **facts,
    )


def _minutes(facts: Facts) -> str:
    minutes = int(facts["minutes"])
    return str(ngettext("one minute", "%(num)s minutes", minutes))


INVALID: dict[str, Callable[[Facts], str]] = {
    Code.REQUIRED: lambda f: _("Fill this in; it is required."),
    Code.NOT_TEXT: lambda f: _("This is not text. Type it again."),
    Code.TOO_LONG: lambda f: _(
        "This has %(length)s characters; at most %(limit)s are possible. Shorten it.", **f
    ),
    Code.NOTHING_VISIBLE: lambda f: _("This has no visible character. Type it again."),
    Code.LINE_BREAK: lambda f: _("This must be one line. Remove the line break."),
    Code.CONTROL_CHARACTER: _character,
    Code.DIRECTION_CHARACTER: _character,
    Code.INVISIBLE_CHARACTER: _character,
    Code.BROKEN_CHARACTER: _character,
    Code.EMAIL_AT_SIGN: lambda f: _(
        "An e-mail address has exactly one @, such as name@example.com."
    ),
    Code.EMAIL_NAME: lambda f: _("Give the address alone, without a name or < >."),
    Code.EMAIL_LOCAL: lambda f: _(
        "The part before the @ is not possible: look for a space, a dot at its start or end, or "
        "two dots in a row."
    ),
    Code.EMAIL_LOCAL_LETTER: lambda f: _(
        "“%(letter)s” (%(character)s) can’t be before the @. Use Latin letters and digits.", **f
    ),
    Code.EMAIL_LOCAL_LONG: lambda f: _(
        "The part before the @ has %(length)s characters; at most %(limit)s are possible.", **f
    ),
    Code.EMAIL_HOST: lambda f: _("The part after the @ is not a domain, such as example.com."),
    Code.EMAIL_RESERVED: lambda f: _(
        "Addresses that end in %(ending)s can’t receive mail. Give one that can.", **f
    ),
    Code.EMAIL_LOOK_ALIKE: lambda f: _(
        "“%(label)s” mixes letters of different alphabets that look alike. Type the address again, "
        "in one alphabet.",
        **f,
    ),
    Code.PHONE_CHARACTERS: lambda f: _(
        "A phone number has digits, spaces, ( ) - . and a leading +."
    ),
    Code.PHONE_EXTENSION: lambda f: _("Give the number without an extension."),
    Code.PHONE_COUNTRY: lambda f: _(
        "The number’s country is not known. Choose a country, or begin with + and its code."
    ),
    Code.PHONE_SHORT: lambda f: _(
        "The number is too short for its country. Check its last digits."
    ),
    Code.PHONE_LONG: lambda f: _(
        "The number is too long for its country. Check it for extra digits."
    ),
    Code.PHONE_NUMBER: lambda f: _(
        "This is not a possible phone number in its country. For one of another country begin with "
        "+ and its code."
    ),
    Code.USAGE_RATE_FORMAT: lambda f: _(
        "Enter an amount below a million with at most nine decimals, such as 0.0125."
    ),
    Code.COUNTRY_UNKNOWN: lambda f: _("Choose a country from the list."),
    Code.TAX_CHARACTERS: lambda f: _("A tax number has letters, digits, spaces and - / . only."),
    Code.TAX_NO_DIGITS: lambda f: _(
        "A tax number has at least one digit other than 0. Check what was typed."
    ),
    Code.TAX_LENGTH: lambda f: _("A tax number has %(least)s to %(most)s characters.", **f),
    Code.TAX_DIGITS: lambda f: _(
        "The %(label)s has %(lengths)s digits.",
        label=tax_label(f["label"]),
        lengths=format_list([str(n) for n in f["lengths"]], style="or", locale=get_locale()),
    ),
    Code.TAX_FORMAT: lambda f: _(
        "This is not the form of the %(label)s in this country: %(country)s.",
        label=tax_label(f["label"]),
        country=country_name(f["country"]),
    ),
    Code.TAX_CHECK_DIGITS: _tax_check,
    Code.TAX_OTHER_COUNTRY: lambda f: _(
        "This number begins with the code of another country: %(other)s. "
        "Choose that country, or check the number.",
        other=country_name(f["other"]),
    ),
}

REFUSED: dict[str, Callable[[Facts], str]] = {
    Code.ROLE_MISSING: lambda f: _("Your role does not allow this. Ask an owner of the account."),
    Code.HAS_ROLE: lambda f: _("They have a role here already. Change it instead."),
    Code.NO_ROLE: lambda f: _("They have no role here any more. Look at the list again."),
    Code.LAST_OWNER: lambda f: _(
        "An account always has an owner, and this is the last one. Make somebody else owner first, "
        "and wait until their role is in effect."
    ),
    Code.EMAIL_IS_CUSTOMER: lambda f: _(
        "This is the address of your customer %(customer)s. A customer can’t be on your staff.",
        **f,
    ),
    Code.NO_ACCOUNT: lambda f: _(
        "%(address)s has no account here. Ask them to sign up first; nothing is kept of the "
        "address.",
        **f,
    ),
    Code.FORM_KEY_REUSED: lambda f: _(
        "This form was sent already, with other contents. Look at what it added, then begin a new "
        "one."
    ),
    Code.SIGN_UP_CLOSED: lambda f: _("Sign-up is closed here. Ask the operator of this portal."),
    Code.ACCOUNT_EXISTS: lambda f: _("This address has an account already. Sign in."),
    Code.ALREADY_PAID: lambda f: _("This account is in paid mode already."),
    Code.ACCOUNT_CLOSED: lambda f: _("This account is closed."),
    Code.NOT_DIRECT: lambda f: _("Only a direct account can become a partner’s."),
    Code.TRIAL_MODE: lambda f: _(
        "Adding customers needs the paid consumption mode. This account is in trial; an owner can "
        "switch it in the console under Billing."
    ),
    Code.CUSTOMER_NOT_CONFIRMED: lambda f: _(
        "The customer has not confirmed the partnership yet; until then nothing can be created in "
        "this subaccount or linked to it."
    ),
    Code.ACCOUNT_NOT_ACTIVE: lambda f: _(
        "This account can’t pay for a cloud now: its status is %(status)s.", **f
    ),
    Code.CLOUD_CLOSED: lambda f: _("This cloud is closed."),
    Code.CLOUD_CANT_STOP: lambda f: _("Instances of this cloud can’t be stopped from here."),
    Code.CLOUD_CLOSING: lambda f: _(
        "This cloud is to be closed. Its owners can restore it until then."
    ),
    Code.CUSTOMERS_OWN_CLOUD: lambda f: _(
        "One of the customer’s people owns this cloud; only they close it."
    ),
    Code.NAME_DIFFERS: lambda f: _("This is not the cloud’s name. Type it as it is shown."),
    Code.CLOUD_FOLDERLESS: lambda f: _("This cloud has no folders here."),
    Code.FOLDER_NAME_TAKEN: lambda f: _(
        "This cloud has a folder named “%(name)s” already. Choose another name.", **f
    ),
    Code.EMAIL_DOMAIN: lambda f: _(
        "The customer’s address must be in: %(domains)s.", domains=", ".join(f["domains"])
    ),
    Code.EMAIL_IS_STAFF: lambda f: _(
        "This address belongs to your own staff. Give the address of the customer’s cloud account."
    ),
    Code.EMAIL_TAKEN: lambda f: _(
        "%(twin)s already uses this address. One address can belong to one of your customers only.",
        **f,
    ),
    Code.REFERENCE_TAKEN: lambda f: _("%(twin)s already has this reference. Give another.", **f),
    Code.MANAGER_NOT_STAFF: lambda f: _("Choose one of your staff."),
    Code.CUSTOMER_NOT_ACTIVE: lambda f: _("Only an active customer can be suspended."),
    Code.CUSTOMER_NOT_SUSPENDED: lambda f: _("Only a suspended customer can be resumed."),
    Code.CUSTOMER_ANSWERED: lambda f: _(
        "The customer has answered already, or was removed a moment ago. Look at the record again."
    ),
    Code.CUSTOMER_INACTIVE: lambda f: _("This partnership is over; its record stays as it was."),
    Code.RECORD_CHANGED: lambda f: _(
        "Somebody else changed this record meanwhile. Open it again, and make your changes there."
    ),
    Code.CLOUD_ASKED: lambda f: _(
        "The place of the default cloud is being asked whether it is empty. Try again in a minute."
    ),
    Code.CLOUDS_LINKED: lambda f: _(
        "Clouds are still linked to the subaccount: %(count)s. Link each to another account first; "
        "an unused default cloud may stay.",
        **f,
    ),
    Code.INVITATIONS_PER_DAY: lambda f: ngettext(
        "No more than %(num)s customer can be added in 24 hours. The next one can be added from "
        "%(at)s on.",
        "No more than %(num)s customers can be added in 24 hours. The next one can be added from "
        "%(at)s on.",
        f["most"],
        at=local_time(f["at"]),
    ),
    Code.TIN_TAKEN: lambda f: _(
        "%(twin)s has the same tax number. If that is meant, tick the box below and add again.", **f
    ),
    Code.VIEW_EMPTY: lambda f: _(
        "This is the whole list. Search it or choose a filter first, then save what you see."
    ),
    Code.VIEW_EXISTS: lambda f: _("This filter is saved already, as “%(name)s”.", **f),
    Code.VIEW_NAME_TAKEN: lambda f: _("Another of your views has this name. Choose another one."),
    Code.VIEWS_MANY: lambda f: _(
        "You have %(most)s views; remove one before you save another.", **f
    ),
    Code.OWN_CUSTOMER: lambda f: _(
        "This is your customer’s invitation; only they can confirm or decline it."
    ),
    Code.ALREADY_CONFIRMED: lambda f: _("You have confirmed this partnership already."),
    Code.INVITATION_CLOSED: lambda f: _(
        "This invitation is closed; it was answered or withdrawn a moment ago."
    ),
    Code.REAUTHENTICATION_REQUIRED: lambda f: _("Confirm that it is you: enter your password."),
    Code.TOO_MANY_TRIES: lambda f: _(
        "There were too many tries. Try again in %(wait)s.", wait=_minutes(f)
    ),
    Code.TOO_MANY_MAILS: lambda f: _(
        "Too many mails were asked for. Look into those that came, or ask again in %(wait)s.",
        wait=_minutes(f),
    ),
    Code.TOO_MUCH_FEEDBACK: lambda f: _(
        "That was a lot of feedback at once. Give more in %(wait)s.", wait=_minutes(f)
    ),
    Code.LINK_OVER: lambda f: _("This link no longer works. Ask for a new one."),
    Code.TIME_ZONE_UNKNOWN: lambda f: _("Choose a time zone from the list."),
    Code.CUSTOMER_NOT_INACTIVE: lambda f: _(
        "Only an Inactive customer can be erased; this one is %(status)s.", **f
    ),
}

for messages in (connections, imports, limits, mails, money, partners, people, usage, work):
    REFUSED |= messages.SENTENCES
INVALID |= connections.INVALID | partners.INVALID
SENTENCES = {**INVALID, **REFUSED, **REASONS}
