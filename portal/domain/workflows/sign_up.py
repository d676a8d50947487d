"""Sign up: ask for an account by mail; answer the mail and get the account."""

from __future__ import annotations

from portal.domain import accounts, identity, invitations, values
from portal.domain.actors import NEWCOMER
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.domain.values import EmailAddress


def sign_up(
    address: EmailAddress, *, name: str, next_path: str, language: str, network: str
) -> None:
    """Anyone may ask for an account, within the limit on mails. An open invitation allows its
    address to sign up where sign-up is by invitation.

    `network` is the IP address that asks. Raises Refused("too-many-mails", "sign-up-closed").
    """
    identity.count_mail_request(address.key, network=network)
    invited = invitations.is_invited(address.key)
    identity.sign_up(address, name=name, next_path=next_path, language=language, invited=invited)


def complete_sign_up(sign_up_id: str, *, name: str, password_hash: str, language: str) -> User:
    """Create the newcomer's user and direct billing account in trial, once the mail is answered.

    Raises Refused("link-over") where the mail's link is used or too old, Refused("account-exists").
    """
    waiting = identity.waiting_sign_up(sign_up_id)
    if waiting is None:
        raise Refused(Code.LINK_OVER)
    user, _account = accounts.register(
        values.email(waiting.email),
        name=name,
        password_hash=password_hash,
        language=language,
        by=NEWCOMER,
    )
    return user
