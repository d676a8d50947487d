"""*People*: find a user by address, block, disable, appoint them; allow an address to sign up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import redirect, url_for
from flask_babel import lazy_gettext
from wtforms import EmailField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from portal import web
from portal.domain import identity, people, values, workflows
from portal.domain.errors import Code, Refused
from portal.domain.identity import BlockReason, User
from portal.operator import steps
from portal.operator.blueprint import blueprint
from portal.operator.steps import Step
from portal.wording import labels


class FindForm(web.Form):
    """Sent by POST, so that no address is in the log of a proxy or in a browser's history."""

    email = EmailField(lazy_gettext("E-mail"), [web.REQUIRED, web.EMAIL])


class BlockForm(web.Form):
    """Why the person is blocked."""

    reason = SelectField(
        lazy_gettext("Why?"),
        [web.REQUIRED],
        choices=[SelectChoice(*reason) for reason in (("", ""), *labels.BLOCK_REASONS.items())],
    )


class DisableForm(web.Form):
    """Who becomes the owner of what the person alone owns."""

    heir = EmailField(
        lazy_gettext("New owner’s e-mail"),
        [Optional(), web.EMAIL],
        description=lazy_gettext("Of what this person alone owns; empty if there is nothing."),
    )


class AllowForm(web.Form):
    """An address that may sign up."""

    email = EmailField(lazy_gettext("E-mail"), [web.REQUIRED, web.EMAIL])


@blueprint.route("/people", methods=["GET", "POST"])
def show_people() -> Any:
    """*People*: find a user by their address; list those who are blocked."""
    form = FindForm()
    if form.validate_on_submit():
        user = identity.user_by_email(values.email(form.email.data or "").key)
        if user is not None:
            return redirect(url_for(".show_person", person_id=user.id), 303)
        form.refuse(Refused(Code.PERSON_UNKNOWN, field="email"))
    return web.form_page(form, "operator/people.html", blocked=people.blocked_people(web.actor()))


@blueprint.get("/people/<id:person_id>")
def show_person(person_id: str) -> Any:
    """A person: state, sessions, roles."""
    person = web.find_or_404(User, person_id)
    return web.page("operator/person.html", person=person, details=people.details_of(person))


BLOCK = Step(
    people.block,
    lazy_gettext("Block this person?"),
    lazy_gettext("Block"),
    lazy_gettext(
        "All their sessions end at once. Signing in and resetting the password are refused, in the "
        "same words as a wrong password; imports they began stop. Their access to clouds is "
        "revoked there; until then it works, as this person’s page says. They keep their roles and "
        "what they own, and get an email that says they are blocked."
    ),
    lazy_gettext("The person is blocked, and their sessions are ended."),
    is_danger=True,
)
UNBLOCK = Step(
    people.unblock,
    lazy_gettext("Unblock this person?"),
    lazy_gettext("Unblock"),
    lazy_gettext("They can sign in again, with the roles they have. No session comes back."),
    lazy_gettext("The person is unblocked."),
)
END_SESSIONS = Step(
    people.end_sessions,
    lazy_gettext("End all sessions of this person?"),
    lazy_gettext("End sessions"),
    lazy_gettext("They are signed out of all browsers at once, and can sign in again."),
    lazy_gettext("All sessions of the person are ended."),
    is_danger=True,
)


@blueprint.route("/people/<id:person_id>/block", methods=["GET", "POST"])
def block(person_id: str) -> Any:
    """*Block* a person, for a reason."""
    form = BlockForm()
    return _take(BLOCK, person_id, form, lambda: {"reason": BlockReason(form.reason.data)})


@blueprint.route("/people/<id:person_id>/unblock", methods=["GET", "POST"])
def unblock(person_id: str) -> Any:
    """*Unblock* a person."""
    return _take(UNBLOCK, person_id)


@blueprint.route("/people/<id:person_id>/end-sessions", methods=["GET", "POST"])
def end_sessions(person_id: str) -> Any:
    """*End sessions* of a person."""
    return _take(END_SESSIONS, person_id)


ENABLE = Step(
    workflows.enable_user,
    lazy_gettext("Enable this person?"),
    lazy_gettext("Enable"),
    lazy_gettext("They can sign in again, with the roles they had. No session comes back."),
    lazy_gettext("The person is enabled."),
)
DISABLE = Step(
    workflows.disable_user,
    lazy_gettext("Disable this person?"),
    lazy_gettext("Disable"),
    lazy_gettext(
        "All their sessions end at once, and they can’t sign in any more. Their access to clouds "
        "is revoked there. What they alone own gets a new owner."
    ),
    lazy_gettext("The person is disabled, and their sessions are ended."),
    is_danger=True,
)
APPOINT = Step(
    people.appoint_operator,
    lazy_gettext("Make this person an operator?"),
    lazy_gettext("Make operator"),
    lazy_gettext("They see these pages, and can do what you can do here. It can’t be taken back."),
    lazy_gettext("The person is an operator."),
)


@blueprint.route("/people/<id:person_id>/enable", methods=["GET", "POST"])
def enable(person_id: str) -> Any:
    """*Enable* a disabled person."""
    return _take(ENABLE, person_id)


@blueprint.route("/people/<id:person_id>/disable", methods=["GET", "POST"])
def disable(person_id: str) -> Any:
    """*Disable* a person, with an heir for what they alone own."""
    form = DisableForm()

    def facts() -> dict[str, Any]:
        if not form.heir.data:
            return {}
        heir = identity.user_by_email(values.email(form.heir.data).key)
        if heir is None:
            raise Refused(Code.PERSON_UNKNOWN, field="heir")
        return {"heir": heir}

    return _take(DISABLE, person_id, form, facts)


@blueprint.route("/people/<id:person_id>/appoint", methods=["GET", "POST"])
def appoint(person_id: str) -> Any:
    """*Make operator*."""
    return _take(APPOINT, person_id)


@blueprint.route("/people/allow", methods=["GET", "POST"])
def allow() -> Any:
    """*Allow an address* to sign up where sign-up is by invitation."""
    web.require_recent_sign_in()
    form, back = AllowForm(), url_for(".show_people")

    def unit() -> None:
        people.allow(values.email(form.email.data or ""), by=web.actor())

    if answer := web.submit(form, unit, to=back, success=lazy_gettext("The address may sign up.")):
        return answer
    return web.form_page(form, "operator/allow.html", back=back)


def _take(
    step: Step,
    person_id: str,
    form: web.Form | None = None,
    facts: Callable[[], dict[str, Any]] = dict,
) -> Any:
    def find() -> User:
        return web.find_or_404(User, person_id)

    back = url_for(".show_person", person_id=person_id)
    return steps.take(step, find, tab="people", back=back, form=form, facts=facts)
