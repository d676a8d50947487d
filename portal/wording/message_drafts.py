"""Message drafts to copy and send: requests to open an account, requests for access to clouds."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import gettext

from portal import config
from portal.domain.access import CloudRole
from portal.domain.accounts import PartnerAccount
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud


def _(text: str, **facts: Any) -> str:
    return str(gettext(text, **facts))


def _external(endpoint: str, **values: Any) -> str:
    return config.current().external_url + url_for(endpoint, **values)


def account_for_staff(address: str, partner_name: str) -> str:
    """Return a request to a future member of a partner's staff to open an account."""
    return _(
        "Hello,\n\nplease open an account at %(link)s with the address %(address)s, and tell me "
        "when it is done. Then I can add you to the staff of %(partner)s.\n",
        link=_external("auth.sign_up"),
        address=address,
        partner=partner_name,
    )


def account_for_cloud(address: str, cloud: Cloud) -> str:
    """Return a request to a future user of a cloud to open an account."""
    return _(
        "Hello,\n\nplease open an account at %(link)s with the address %(address)s, and tell me "
        "when it is done. Then I can give you access to the cloud %(cloud)s.\n",
        link=_external("auth.sign_up"),
        address=address,
        cloud=cloud.name,
    )


def access_to_cloud(cloud: Cloud, partner: PartnerAccount | None, actor: Actor) -> str:
    """Return a request to an owner of the cloud for access: of the partner, or (None) the actor."""
    return _(
        "Hello,\n\nplease give %(whom)s access to the cloud %(cloud)s (%(id)s).\n\n"
        "Open its Access control: %(link)s\nChoose Add, and enter\n"
        "  %(label)s %(entry)s\n  Role: %(role)s\n",
        whom=partner.name if partner else actor.name,
        cloud=cloud.name,
        id=cloud.id,
        link=_external("console.access.index", cloud_id=cloud.id),
        **_add_form_values(partner, actor),
    )


def access_to_clouds(partner: PartnerAccount | None, actor: Actor) -> str:
    """Return a request to an owner of clouds for access: of the partner, or (None) the actor."""
    return _(
        "Hello,\n\nplease give %(whom)s access to each cloud that we are to link.\n\n"
        "Open the management console: %(link)s\nChoose the cloud, then Access control, then Add, "
        "and enter\n  %(label)s %(entry)s\n  Role: %(role)s\n\n"
        "You can revoke it there at any time.\n",
        whom=partner.name if partner else actor.name,
        link=_external("console.home"),
        **_add_form_values(partner, actor),
    )


def _add_form_values(partner: PartnerAccount | None, actor: Actor) -> dict[str, str]:
    """Return what the owner enters into the form *Add*."""
    return {
        "label": _("Partner account ID:") if partner else _("E-mail:"),
        "entry": partner.id if partner else actor.email,
        "role": CloudRole.OWNER,
    }
