"""Error messages about a person's account: password, address, disabling and blocking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext

from portal.domain.errors import Code

Facts = Mapping[str, Any]


def _(text: str, **facts: Any) -> str:
    return str(gettext(text, **facts))


SENTENCES: dict[str, Callable[[Facts], str]] = {
    Code.PASSWORD_SHORT: lambda f: _("Use at least %(least)s characters.", **f),
    Code.PASSWORD_LONG: lambda f: _("Use at most %(most)s characters.", **f),
    Code.PASSWORD_COMMON: lambda f: _(
        "This password is easy to guess: it is common, or has repeats or runs such as 1234. Use "
        "several unrelated words."
    ),
    Code.PASSWORD_PERSONAL: lambda f: _(
        "This password is easy to guess: little is left of it without your name, your address and "
        "the name of this portal. Use several unrelated words."
    ),
    Code.PASSWORDS_DIFFER: lambda f: _("The two passwords differ. Type both again."),
    Code.PASSWORD_FOREIGN: lambda f: _(
        "This address and password do not belong together. Try again."
    ),
    Code.PASSWORD_WRONG: lambda f: _("This is not your password. Type it again."),
    Code.EMAIL_SAME: lambda f: _("This is your address already. Give the new one."),
    Code.EMAIL_IN_USE: lambda f: _(
        "This address has an account of its own, so yours can’t take it. Sign in with that one, or "
        "choose another address."
    ),
    Code.OWNS_ALONE: lambda f: _(
        "They alone own: %(things)s. Name who becomes their owner.",
        things=", ".join(f["things"]),
    ),
    Code.HEIR_UNFIT: lambda f: _(
        "The heir must be another person, who is neither disabled nor blocked."
    ),
    Code.USER_DISABLED: lambda f: _(
        "Your account can’t be used any more. Ask the operator of this portal."
    ),
    Code.PERSON_UNKNOWN: lambda f: _("No account here has this address."),
    Code.BLOCK_SELF: lambda f: _("You can’t block yourself. Ask another operator."),
}
