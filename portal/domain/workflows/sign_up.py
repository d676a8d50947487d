"""Sign up: request an account by mail; follow the mail's link and get the account."""

from __future__ import annotations

from portal.domain import accounts, identity, invitations, values
from portal.domain.actors import NEWCOMER
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.domain.values import EmailAddress


def sign_up(
    address: EmailAddress, *, name: str, next_path: str, language: str, network: str
) -> None:
    """Send a sign-up mail, within the rate limit on mails. Where sign-up is by invitation, a
    partner's open invitation of the address allows it.

    `network` is the client's IP address. Raises Refused("too-many-mails", "sign-up-closed").
    """
    identity.count_mail_request(address.key, network=network)
    invited = invitations.is_invited(address.key)
    identity.sign_up(address, name=name, next_path=next_path, language=language, invited=invited)


def complete_sign_up(sign_up_id: str, *, name: str, password_hash: str, language: str) -> User:
    """Create the newcomer's user and direct billing account in trial, once the mail's link is
    followed.

    Raises Refused("link-over") if the link is used or expired, Refused("account-exists").
    """
    pending = identity.pending_sign_up(sign_up_id)
    if pending is None:
        raise Refused(Code.LINK_OVER)
    user, _account = accounts.register(
        values.email(pending.email),
        name=name,
        password_hash=password_hash,
        language=language,
        by=NEWCOMER,
    )
    return user
