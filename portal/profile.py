"""Profile: one's name, time zone, address, password and sessions."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, current_app, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import EmailField, PasswordField, SelectField, StringField
from wtforms.validators import InputRequired, ValidationError

from portal import carried, credentials, db, tokens, web
from portal.domain import contact, identity
from portal.domain.contact import Malformed
from portal.domain.errors import Refused
from portal.sentences import sentence

blueprint = Blueprint("profile", __name__, url_prefix="/profile")
web.gate(blueprint, web.require_sign_in)

REQUIRED = InputRequired(lazy_gettext("Fill this in; it is required."))
AREAS = (
    *("Africa", "America", "Antarctica", "Arctic", "Asia"),
    *("Atlantic", "Australia", "Europe", "Indian", "Pacific"),
)
BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "Firefox": "Firefox",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS": "macOS",
    "Linux": "Linux",
}
"""What browsers call themselves holds several of these words; the first found is meant."""


def _shape(field: Any, shape: Any) -> None:
    try:
        field.data = shape(field.data or "")
    except Malformed as error:
        raise ValidationError(sentence(error.code, error.facts)) from error


class ProfileForm(web.Form):
    name = StringField(lazy_gettext("Your name"), [REQUIRED])
    time_zone = SelectField(lazy_gettext("Time zone"), validate_choice=False)

    def validate_name(self, field: StringField) -> None:
        _shape(field, contact.line)


@blueprint.route("", methods=["GET", "POST"])
def show() -> Any:
    """One's profile; name and time zone are changed in place."""
    actor = web.actor()
    kept = carried.shown_again()
    if "name" not in kept.get("formdata", ()):  # another form of this page was sent too late
        kept = {}
    form = ProfileForm(name=actor.name, time_zone=actor.time_zone or "", **kept)
    form.time_zone.choices = _zones()
    if not form.is_submitted():
        return _page(form)
    if not form.validate():
        return _page(form, status=422)
    name, zone = form.name.data or "", form.time_zone.data or ""
    try:
        db.write(lambda: identity.edit_profile(actor, name=name, time_zone=zone))
    except Refused as error:
        form.refuse(error)
        return _page(form, status=422)
    flash(_("Your profile is saved."), "success")
    return redirect(url_for("profile.show"), 303)


def _page(form: ProfileForm, status: int = 200) -> Any:
    actor = web.actor()
    return web.page(
        "profile/show.html",
        form=form,
        pending=identity.pending_email_change(actor),
        lasts=identity.EMAIL_CHANGE_LASTS,
        sessions=identity.sessions_of(actor),
        browser_name=browser_name,
        now=db.now(),
        status=status,
    )


def _zones() -> dict[str, list[tuple[str, str]]]:
    """The places of the world by their area; the installation's zone first."""
    of_installation = current_app.config["TIME_ZONE"]
    as_here = _("As this installation: %(zone)s", zone=of_installation)
    zones = {_("General"): [("", as_here), ("UTC", "UTC")]}
    for zone in sorted(available_timezones()):
        area, _slash, place = zone.partition("/")
        if area in AREAS:
            zones.setdefault(area, []).append((zone, place.replace("_", " ")))
    return zones


def browser_name(agent: str) -> str:
    """Browser and system, as people call them: "Firefox, Linux"."""
    found = [
        next((name for word, name in names.items() if word in agent), "")
        for names in (BROWSERS, SYSTEMS)
    ]
    return ", ".join(filter(None, found)) or agent[:60] or _("unknown browser")


@blueprint.post("/sessions/end")
def end_session() -> Any:
    """*End* another of one's sessions; one that is over already stays over."""
    actor, ident = web.actor(), request.form.get("session", "")
    if not web.Form().validate():
        _stale()
    elif db.write(lambda: identity.end_session_of(actor, ident)):
        flash(_("That session is ended."), "success")
    else:
        flash(_("That session was over already."), "")
    return redirect(url_for("profile.show", _anchor="sessions"), 303)


@blueprint.post("/sessions/end-others")
def end_other_sessions() -> Any:
    """*End all others*."""
    actor = web.actor()
    if not web.Form().validate():
        _stale()
    else:
        db.write(lambda: identity.end_other_sessions(actor))
        flash(_("All your other sessions are ended."), "success")
    return redirect(url_for("profile.show", _anchor="sessions"), 303)


def _stale() -> None:
    flash(_("This page was open for too long. Nothing is saved; press the button again."), "danger")


class PasswordForm(web.Form):
    old_password = PasswordField(lazy_gettext("Present password"), [REQUIRED])
    password = PasswordField(lazy_gettext("New password"), [REQUIRED])
    password_again = PasswordField(lazy_gettext("New password, once more"), [REQUIRED])

    def validate_password(self, field: PasswordField) -> None:
        fault = identity.password_fault(field.data or "", web.actor().email)
        if fault is not None:
            raise ValidationError(sentence(fault.code, fault.facts))

    def validate_password_again(self, field: PasswordField) -> None:
        if field.data != self.password.data:
            raise ValidationError(sentence("passwords-differ", {}))


@blueprint.route("/password", methods=["GET", "POST"])
def password() -> Any:
    """*Change password*: the others are signed out, this browser goes on with a new session."""
    actor, form = web.actor(), PasswordForm()
    if not form.is_submitted() or not form.validate():
        status = 422 if form.is_submitted() else 200
        return web.page("profile/password.html", form=form, status=status)
    try:
        before = _asked(form.old_password)
        after = identity.hash_password(form.password.data or "")
        db.write(lambda: identity.change_password(actor, proven=before, password_hash=after))
    except Refused as error:
        return credentials.refused(form, error, "profile/password.html")
    credentials.begin_session(actor.id, instead_of=None)
    flash(_("Your password is changed; all your other sessions are ended."), "success")
    return redirect(url_for("profile.show"), 303)


def _asked(field: PasswordField) -> str:
    """The hash that the signed-in user's password in the field was checked against."""
    wrong = Refused("password-wrong", field=field.name)
    return credentials.proven(web.actor().email, field.data or "", wrong=wrong).password_hash


class EmailForm(web.Form):
    email = EmailField(lazy_gettext("New e-mail"), [REQUIRED])
    password = PasswordField(lazy_gettext("Your password"), [REQUIRED])

    def validate_email(self, field: EmailField) -> None:
        _shape(field, lambda value: contact.email(value).display)


@blueprint.route("/email", methods=["GET", "POST"])
def email() -> Any:
    """*Change e-mail*: a mail to the new address asks; until it is answered nothing changes."""
    actor, form = web.actor(), EmailForm(**carried.shown_again())
    if not form.is_submitted() or not form.validate():
        status = 422 if form.is_submitted() else 200
        return web.page("profile/email.html", form=form, status=status)
    address, network = contact.email(form.email.data or ""), credentials.network_of_reader()

    def unit() -> None:
        identity.count_mail(address.key, network=network)
        identity.ask_email_change(actor, address)

    try:
        _asked(form.password)
        db.write(unit)
    except Refused as error:
        return credentials.refused(form, error, "profile/email.html")
    flash(_("A mail is on its way to %(email)s. Open its link.", email=address.display), "news")
    return redirect(url_for("profile.show"), 303)


@blueprint.route("/email/<token>", methods=["GET", "POST"])
def confirm_email(token: str) -> Any:
    """The mail's link: opening it changes nothing; the button makes it the user's address."""
    actor, form = web.actor(), web.Form()
    change_id, change = tokens.read("email-change", token), identity.pending_email_change(actor)
    if change_id is None or change is None or change.id != change_id:
        return web.page("profile/email_over.html", status=404)
    address, template = change.email, "profile/confirm_email.html"
    if not form.is_submitted() or not form.validate():
        status = 422 if form.is_submitted() else 200
        return web.page(template, form=form, email=address, status=status)
    try:
        db.write(lambda: identity.change_email(actor, change_id))
    except Refused as error:
        return credentials.refused(form, error, template, email=address)
    flash(_("Your address is %(email)s from now on.", email=address), "success")
    return redirect(url_for("profile.show"), 303)
