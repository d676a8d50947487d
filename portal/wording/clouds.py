"""Wording of clouds: what operators carry out, the progress that people read, what changes do."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_gettext, lazy_pgettext, ngettext

from portal.domain.clouds import PendingTasks, Progress, ProgressState, Task
from portal.domain.connections import LIMITS, Connection
from portal.i18n.formats import local_day, plain_day
from portal.wording import faults

TASKS = {
    Task.CREATE: lazy_gettext("create"),
    Task.RENAME: lazy_gettext("rename"),
    Task.LIMIT: lazy_gettext("limit"),
    Task.SUSPEND: lazy_gettext("suspend"),
    Task.RESUME: lazy_gettext("resume"),
    Task.CLOSE: lazy_gettext("close"),
    Task.EMPTY: lazy_gettext("empty"),
}
TO_DO = {
    Task.CREATE: lazy_gettext("Create a cloud with this name, and note its ID."),
    Task.RENAME: lazy_gettext("Rename the cloud; it was called %(former)s."),
    Task.LIMIT: lazy_gettext("Set its limits: %(limits)s."),
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
    Task.CREATE: lazy_gettext("It does not exist there yet."),
    Task.RENAME: lazy_gettext("It still has its former name there."),
    Task.LIMIT: lazy_gettext("It still has its former limits there."),
    Task.SUSPEND: lazy_gettext("It still works."),
    Task.RESUME: lazy_gettext("Sign-ins are still refused."),
    Task.CLOSE: lazy_gettext("It still works."),
}
"""What is so while a task is not carried out."""
STATES = {
    ProgressState.UNCONFIRMED: ("waiting", lazy_gettext("Created on confirmation")),
    ProgressState.CREATING: ("working", lazy_gettext("Being created")),
    ProgressState.READY: ("active", lazy_pgettext("cloud", "Active")),
    ProgressState.SUSPENDING: ("working", lazy_gettext("Being suspended")),
    ProgressState.SUSPENDED: ("suspended", lazy_pgettext("cloud", "Suspended")),
    ProgressState.RESUMING: ("working", lazy_gettext("Being resumed")),
    ProgressState.RENAMING: ("working", lazy_gettext("Being renamed")),
    ProgressState.LIMITING: ("working", lazy_gettext("Limits being changed")),
    ProgressState.CLOSING: ("working", lazy_gettext("Being closed")),
    ProgressState.CLOSED: ("inactive", lazy_pgettext("cloud", "Closed")),
}
"""The shape of each state, by the names of the style sheet, and its words."""
FAILURES = {
    Task.CREATE: lazy_gettext("Not created"),
    Task.RENAME: lazy_gettext("Not renamed"),
    Task.LIMIT: lazy_gettext("Limits not changed"),
    Task.SUSPEND: lazy_gettext("Not suspended"),
    Task.RESUME: lazy_gettext("Not resumed"),
    Task.CLOSE: lazy_gettext("Not closed there"),
}
SUSPENSION = {
    "builtin": lazy_gettext("nothing outside of the portal stops."),
    "manual": lazy_gettext(
        "an operator refuses sign-ins by hand. What is in them goes on and costs as before."
    ),
    "openstack": lazy_gettext(
        "new sign-ins are refused. Servers run on, and everything costs as before."
    ),
    "lxd": lazy_gettext(
        "access is refused and the instances are stopped. Their storage costs as before."
    ),
}
"""What stops in suspended clouds and what goes on costing, by the kind of their connection."""
SUSPENSION_ELSEWHERE = lazy_gettext(
    "sign-ins are refused. Each cloud’s page then says what goes on and costs as before."
)


class Status(NamedTuple):
    """The state of a cloud: a shape of the style sheet, and words."""

    shape: str
    words: str


def status(progress: Progress, moves_on: date | None = None) -> Status:
    """Return the state of a cloud; `moves_on` is the day on which it goes to the reader’s own
    account."""
    if task := progress.failed_task:
        return Status("failed", str(FAILURES[task]))
    if progress.state is ProgressState.READY and progress.closes_at:
        day = local_day(progress.closes_at)
        return Status("waiting", str(_("Closes on %(day)s", day=day)))
    if progress.state is ProgressState.READY and moves_on:
        day = plain_day(moves_on)
        return Status("waiting", str(_("Goes to your account on %(day)s", day=day)))
    shape, words = STATES[progress.state]
    return Status(shape, str(words))


def suspension(rows: Iterable[tuple[Connection, int]]) -> list[str]:
    """Return what suspending stops, and what goes on costing: a sentence for each connection with
    its number of clouds."""
    return [" ".join(_suspension_on(*row)) for row in rows]


def _suspension_on(connection: Connection, number: int) -> Iterator[str]:
    yield ngettext(
        "%(num)s cloud on %(connection)s: %(effect)s",
        "%(num)s clouds on %(connection)s: %(effect)s",
        number,
        connection=connection.name,
        effect=SUSPENSION.get(connection.kind, SUSPENSION_ELSEWHERE),
    )
    if minutes := connection.token_cache_minutes:
        yield ngettext(
            "Who is signed in has access for %(num)s more minute at most.",
            "Who is signed in has access for %(num)s more minutes at most.",
            minutes,
        )


def created(progress: Progress, name: str) -> str:
    """Return what has become of a cloud that somebody has just created."""
    if progress.tasks:
        # It stays on the page, whatever becomes of the order.
        return str(_("The creation of the cloud %(name)s is requested.", name=name))
    return str(_("The cloud %(name)s is created.", name=name))


def to_do(row: PendingTasks) -> list[str]:
    """Return what an operator does for the cloud, a sentence a task."""
    cloud, tasks = row.cloud, row.tasks
    if cloud.limits and Task.CREATE in tasks:
        tasks = [*tasks, Task.LIMIT]
    facts = {"former": cloud.carried_out_name, "limits": ", ".join(limits(cloud.limits))}
    return [str(TO_DO[task]) % facts for task in tasks]


def limits(of: Mapping[str, int | None]) -> list[str]:
    """Return the limits of a cloud in words; those that were taken off are none."""
    words = {
        "cpu": lambda n: ngettext("%(num)s CPU", "%(num)s CPUs", n),
        "memory": lambda n: _("%(num)s GiB of memory", num=n),
        "disk": lambda n: _("%(num)s GiB of disk", num=n),
        "instances": lambda n: ngettext("%(num)s instance", "%(num)s instances", n),
    }
    return [str(words[name](of[name])) for name in LIMITS if of.get(name)] or [str(_("no limits"))]


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
        known = faults.for_everybody(progress.fault)
        return known or str(_("It can’t be done. The operator knows."))
    return str(_("It can’t be done: %(reason)s. The operator knows.", reason=progress.fault))
