"""Wording of memberships: what has become of a person's access at a connection."""

from __future__ import annotations

import re
import shlex

from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext

from portal.domain.clouds import Cloud
from portal.domain.connections import Connection, Kind
from portal.domain.memberships import Progress, Shown
from portal.wording import faults

SHAPES = {
    Progress.WAITING: "working",
    Progress.READY: "working",
    Progress.IN_USE: "active",
    Progress.FAILED: "failed",
    Progress.ENDING: "working",
    Progress.ENDED: "inactive",
}
"""The shape of each state, by the names of the style sheet."""
ACCESSES = {
    Progress.WAITING: lazy_gettext("Being made"),
    Progress.READY: lazy_gettext("Ready: show it within 15 minutes"),
    Progress.IN_USE: lazy_gettext("Works"),
    Progress.FAILED: lazy_gettext("Failed"),
    Progress.ENDING: lazy_gettext("Being withdrawn, still works"),
    Progress.ENDED: lazy_gettext("Withdrawn"),
}
MEMBERSHIPS = {
    Progress.WAITING: lazy_gettext("Being updated"),
    Progress.IN_USE: lazy_gettext("Up to date"),
    Progress.FAILED: lazy_gettext("Failed"),
    Progress.ENDING: lazy_gettext("Being revoked, still works"),
    Progress.ENDED: lazy_gettext("Revoked"),
}


def fault(reason: str) -> str:
    """Return why an order can't be carried out, as people read it; operators read more."""
    return faults.for_everybody(reason) or str(_("The operator knows."))


CLOUDS_YAML = "~/.config/openstack/clouds.yaml"
KEY = re.compile(r"^clouds:\n +([\w-]+):", re.MULTILINE)
"""The name of the cloud in a clouds.yaml."""
COMMANDS = {
    "clouds.yaml": "export OS_CLOUD={key}\nopenstack token issue",
    Kind.LXD: """\
mkdir {folder}
cp access.txt {folder}/client.crt
cp access.txt {folder}/client.key
export LXD_CONF="$PWD/{folder}"
lxc remote add {remote} {url} --project {project}
lxc list {remote}:""",
}
"""What uses an access, by its form or by the kind of its connection."""


def commands(shown: Shown, cloud: Cloud, connection: Connection) -> str:
    """Return the commands that use an access, a line each; empty if none are known."""
    if shown.access.how == "clouds.yaml" and (key := KEY.search(shown.text)):
        return COMMANDS["clouds.yaml"].format(key=key[1])
    if connection.kind != Kind.LXD:
        return ""
    url, project = shlex.quote(connection.settings["url"]), shlex.quote(cloud.external_id or "")
    names = {"folder": f"lxd-{cloud.id}", "remote": cloud.id}
    return COMMANDS[Kind.LXD].format(url=url, project=project, **names)


def revoking(connection: Connection, *, has_access: bool) -> list[str]:
    """Return what revoking a role ends in a cloud of the connection, and when."""
    if not has_access:
        return [str(_("No access was taken in the cloud; nothing has to end there."))]
    minutes = connection.token_cache_minutes
    lines = [
        _("In the cloud, new sign-ins are refused as soon as this is carried out there."),
        ngettext(
            "Open sign-ins end within %(num)s minute after that.",
            "Open sign-ins end within %(num)s minutes after that.",
            minutes,
        )
        if minutes
        else _("Open sign-ins end with it."),
        _("What the person started belongs to the cloud and runs on."),
    ]
    if connection.can_stop:
        lines[1:] = [
            _(
                "What the person started runs on, and an open console of an instance goes on until"
                " that instance is stopped. With Revoke and stop, all instances of the cloud are"
                " stopped, those of others too."
            )
        ]
    lines.append(_("It is tried until it is done; Access control shows since when."))
    return [str(line) for line in lines]
