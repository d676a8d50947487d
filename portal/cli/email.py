"""The EMAIL argument of commands, and the user with that address."""

from __future__ import annotations

from typing import Any

import click

from portal.cli.refusals import text_of
from portal.domain import identity, values
from portal.domain.identity import User
from portal.domain.values import EmailAddress, Invalid


class EmailType(click.ParamType):  # type: ignore[type-arg]
    """An address; an invalid one is refused with the sentence that forms show."""

    name = "e-mail"

    def convert(self, value: Any, param: Any, ctx: Any) -> EmailAddress:
        try:
            return values.email(value)
        except Invalid as error:
            self.fail(text_of(error))


EMAIL = EmailType()


def find_user(email: EmailAddress) -> User:
    """Return the user with this address. Raises click.ClickException if there is none."""
    user = identity.user_by_email(email.key)
    if user is None:
        raise click.ClickException(
            f"{email.display} has no account here; `flask user create` makes one."
        )
    return user
