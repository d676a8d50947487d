"""Wording of clouds: what operators carry out, and the progress that people read."""

from __future__ import annotations

import shlex

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from portal.domain.clouds import PendingTasks, Progress, Task

TASKS = {
    Task.CREATE: lazy_gettext("create"),
    Task.RENAME: lazy_gettext("rename"),
    Task.SUSPEND: lazy_gettext("suspend"),
    Task.RESUME: lazy_gettext("resume"),
    Task.CLOSE: lazy_gettext("close"),
    Task.EMPTY: lazy_gettext("empty"),
}
TO_DO = {
    Task.CREATE: lazy_gettext("Create a cloud with this name, and note its ID."),
    Task.RENAME: lazy_gettext("Rename the cloud; it was called %(former)s."),
    Task.SUSPEND: lazy_gettext("Refuse sign-ins to the cloud; leave what is in it."),
    Task.RESUME: lazy_gettext("Allow sign-ins to the cloud again."),
    Task.CLOSE: lazy_gettext("Refuse sign-ins to the cloud, and mark it as closed."),
    Task.EMPTY: lazy_gettext("Delete what is in the closed cloud, after a backup if you keep one."),
}
"""What an operator does by hand."""
EMPTYING = {
    "openstack": "openstack project purge --keep-project --project {id}",
    "lxd": "lxc delete --force --project {id} $(lxc list --project {id} -c n -f csv)",
}
"""The command that deletes what is in a cloud, by the kind of its connection."""
PROGRESS = {
    Task.CREATE: lazy_gettext("Being created: agreed, and not carried out yet."),
    Task.RENAME: lazy_gettext("Being renamed: it still has its former name there."),
    Task.SUSPEND: lazy_gettext("Being suspended: it still works."),
    Task.RESUME: lazy_gettext("Being resumed: sign-ins are still refused."),
    Task.CLOSE: lazy_gettext("Being closed: it still works."),
}
"""What people read while a task is not carried out."""


def to_do(row: PendingTasks) -> list[str]:
    """Return what an operator does for the cloud, a sentence a task."""
    return [str(TO_DO[task]) % {"former": row.cloud.carried_out_name} for task in row.tasks]


def emptying(row: PendingTasks) -> str:
    """Return the command that deletes what is in a closed cloud; empty if there is none."""
    command = EMPTYING.get(row.connection.kind, "") if row.tasks == [Task.EMPTY] else ""
    return command.format(id=shlex.quote(row.cloud.external_id or ""))


def fault(progress: Progress) -> str:
    """Return why the tasks can't be carried out, in a sentence; empty if they can. What a
    connection answers is for operators, who read it in *Work*."""
    if not progress.fault:
        return ""
    if not progress.is_by_hand:
        return str(_("It can’t be done. The operator knows."))
    return str(_("It can’t be done: %(reason)s. The operator knows.", reason=progress.fault))
