"""The test of a connection: each right is tried on a project and a user that are removed again."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial

from portal.providers.contract import Ability, Cloud, Member, NeedsPerson, Preflight, Role
from portal.providers.openstack import accesses, members, projects, usage
from portal.providers.openstack.session import PAGE_ROWS, Session, segment

NAME = "portal-preflight"


class Trial:
    """What was tried so far, and which rights are missing."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.missing: list[str] = []
        number = secrets.token_hex(8)
        self.cloud = Cloud(number, NAME)
        self.member = Member(f"{NAME}-{number}", NAME)

    def attempt(self, right: str, act: Callable[[], object]) -> bool:
        """Whether it succeeds; otherwise the right is missing."""
        try:
            act()
        except NeedsPerson as refusal:
            said = refusal.facts.get("said", "")
            self.missing.append(f"{right} ({said})" if said else right)
            return False
        return True


def run(session: Session) -> Preflight:
    """Try all rights. Raises NeedsPerson if the connection's user can't sign in to the domain."""
    session.domain_id  # noqa: B018 - signs in
    trial = Trial(session)
    trial.attempt("list projects and users", lambda: _remove_leftovers(session))
    has_project = trial.attempt("create projects", lambda: projects.ensure(session, trial.cloud))
    has_user = trial.attempt("create users", lambda: members.ensure(session, trial.member))
    abilities = set()
    if has_project:
        project_id = projects.ensure(session, trial.cloud).external_id
        if has_user and _try_roles(trial, project_id):
            abilities.add(Ability.ACCESS)
        if trial.attempt("update projects", lambda: projects.suspend(session, project_id)):
            abilities.add(Ability.SUSPEND)
        path = f"/projects/{segment(project_id)}"
        trial.attempt("delete projects", lambda: session.call("DELETE", path))
    if has_user:
        trial.attempt("delete users", lambda: members.remove(session, trial.member))
    trial.attempt("list role assignments", lambda: members.by_project(session))
    if session.settings.federation_protocol and session.settings.console_url:
        abilities.add(Ability.FEDERATION)
    if session.settings.usage_project:
        read = partial(usage.sign_in, session)
        if trial.attempt("read the usage of all projects", read):
            abilities.add(Ability.USAGE_HISTORY)
    return Preflight(frozenset(abilities), tuple(trial.missing), session.settings.token_cache)


def _try_roles(trial: Trial, project_id: str) -> bool:
    """Whether a member gets each role and an access that works."""
    session, member = trial.session, trial.member
    for role in (Role.VIEWER, Role.EDITOR):
        grant = partial(members.grant, session, project_id, member, role)
        if not trial.attempt(f"grant the role {members.ROLES[role]}", grant):
            return False
    access = partial(accesses.try_out, session, project_id, member)
    return trial.attempt("set passwords and sign in by application credentials", access)


def _remove_leftovers(session: Session) -> None:
    """Remove what a test left that was killed."""
    for kind, mark in (("projects", "tags"), ("users", members.MARK)):
        rows = session.rows(kind, domain_id=session.domain_id, limit=PAGE_ROWS)
        for row in list(rows):
            is_ours = row.get(mark) and row["name"].startswith(f"{NAME}-")
            if is_ours and row["domain_id"] == session.domain_id:
                session.call("DELETE", f"/{kind}/{segment(row['id'])}", allow=(404,))
