"""Profile: the user's name, language, time zone, address, password and sessions."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask_babel import get_locale, lazy_gettext
from flask_babel import gettext as _
from wtforms import EmailField, PasswordField, SelectField, StringField
from wtforms.validators import ValidationError

from portal import config, db, tokens, web
from portal.account import authentication
from portal.domain import identity, installation, values
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.i18n import languages
from portal.web import form_recovery

blueprint = Blueprint("profile", __name__, url_prefix="/profile")
web.gate(blueprint, web.require_sign_in)

AREAS = {
    "Africa": lazy_gettext("Africa"),
    "America": lazy_gettext("America"),
    "Antarctica": lazy_gettext("Antarctica"),
    "Arctic": lazy_gettext("Arctic"),
    "Asia": lazy_gettext("Asia"),
    "Atlantic": lazy_gettext("Atlantic"),
    "Australia": lazy_gettext("Australia"),
    "Europe": lazy_gettext("Europe"),
    "Indian": lazy_gettext("Indian Ocean"),
    "Pacific": lazy_gettext("Pacific"),
}
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
"""Words in a User-Agent header. It may contain several of them; the first in this order counts."""


class ProfileForm(web.Form):
    name = StringField(lazy_gettext("Your name"), [web.REQUIRED, web.normalise_with(values.line)])
    language = SelectField(lazy_gettext("Language"), validate_choice=False)
    time_zone = SelectField(lazy_gettext("Time zone"), validate_choice=False)

    def __init__(self, actor: Actor, **kwargs: Any) -> None:
        profile = {"name": actor.name, "language": actor.language}
        super().__init__(data={**profile, "time_zone": actor.time_zone or ""}, **kwargs)
        self.language.choices = list(languages.available().items())
        self.time_zone.choices = _time_zone_choices()

    def profile(self) -> dict[str, Any]:
        """Return the keyword arguments of `identity.edit_profile`."""
        return {name: self[name].data for name in ("name", "language", "time_zone")}

    def validate_language(self, field: SelectField) -> None:
        if field.data not in dict(field.choices):
            raise ValidationError(_("Choose one of these languages."))


@blueprint.route("", methods=["GET", "POST"])
def show() -> Any:
    """Show the profile; name, language and time zone are edited in place."""
    actor = web.actor()
    form = ProfileForm(actor, **form_recovery.saved_input(with_field="name"))

    def unit() -> None:
        identity.edit_profile(actor, **form.profile())

    target = url_for("profile.show")
    if answer := web.submit(form, unit, to=target, success=_("Your profile is saved.")):
        return answer
    return authentication.form_page(
        form,
        "account/profile/show.html",
        pending_change=identity.pending_email_change(actor),
        change_lifetime=identity.EMAIL_CHANGE_LIFETIME,
        sessions=identity.sessions_of(actor),
        browser_name=browser_name,
        now=db.now(),
    )


def _time_zone_choices() -> dict[str, list[tuple[str, str]]]:
    """Return the (zone, city) pairs by area; the installation's zone and UTC come first."""
    default = _("As this installation: %(zone)s", zone=config.current().time_zone)
    choices = {_("General"): [("", default), ("UTC", "UTC")]}
    locale: Any = get_locale()
    for zone in sorted(identity.time_zones()):
        area, _slash, place = zone.partition("/")
        if area in AREAS:
            name = locale.time_zones.get(zone, {}).get("city") or place.replace("_", " ")
            choices.setdefault(str(AREAS[area]), []).append((zone, name))
    return choices


def browser_name(user_agent: str) -> str:
    """Return browser and system by their common names: "Firefox, Linux"."""
    matches = [
        next((name for word, name in names.items() if word in user_agent), "")
        for names in (BROWSERS, SYSTEMS)
    ]
    return ", ".join(filter(None, matches)) or user_agent[:60] or _("unknown browser")


@blueprint.post("/sessions/end")
def end_session() -> Any:
    """*End*: end another of the user's sessions, unless it is over already."""
    actor, session_id = web.actor(), request.form.get("session", "")
    if not web.Form().validate():
        _flash_expired_page()
    elif db.write(lambda: identity.end_session_of(actor, session_id)):
        flash(_("That session is ended."), "success")
    else:
        flash(_("That session was over already."), "")
    return redirect(url_for("profile.show", _anchor="sessions"), 303)


@blueprint.post("/sessions/end-others")
def end_other_sessions() -> Any:
    """*End all others*: end all of the user's sessions but this one."""
    actor = web.actor()
    if not web.Form().validate():
        _flash_expired_page()
    else:
        db.write(lambda: identity.end_other_sessions(actor))
        flash(_("All your other sessions are ended."), "success")
    return redirect(url_for("profile.show", _anchor="sessions"), 303)


def _flash_expired_page() -> None:
    flash(_("This page was open for too long. Nothing is saved; press the button again."), "danger")


class PasswordForm(authentication.NewPasswordForm):
    current_password = PasswordField(lazy_gettext("Current password"), [web.REQUIRED])
    password = PasswordField(lazy_gettext("New password"), [web.REQUIRED])
    password_again = PasswordField(lazy_gettext("New password, once more"), [web.REQUIRED])


@blueprint.route("/password", methods=["GET", "POST"])
def password() -> Any:
    """*Change password*: end all sessions, and start a new one in this browser."""
    actor, template = web.actor(), "account/profile/password.html"
    form = PasswordForm(actor.email, actor.name)
    if not form.validate_on_submit():
        return authentication.form_page(form, template)
    wrong = Refused(Code.PASSWORD_WRONG, field="current_password")
    try:
        authentication.authenticate(actor.email, form.current_password.data or "", wrong=wrong)
    except Refused as error:
        return authentication.form_page(form, template, error)
    authentication.renew_session(actor)
    actor, new_hash = web.actor(), form.hash_password()
    db.write(lambda: identity.change_password(actor, password_hash=new_hash))
    authentication.start_session(actor.id, new_hash, instead_of=None)
    flash(_("Your password is changed; all your other sessions are ended."), "success")
    return redirect(url_for("profile.show"), 303)


class EmailForm(web.Form):
    email = EmailField(lazy_gettext("New e-mail"), [web.REQUIRED, web.EMAIL])


@blueprint.route("/email", methods=["GET", "POST"])
def email() -> Any:
    """*Change e-mail*: send a mail that verifies the new address; nothing changes until then."""
    web.require_recent_sign_in()
    actor = web.actor()
    form = EmailForm(**form_recovery.saved_input())

    def unit() -> None:
        address = values.email(form.email.data or "")
        identity.count_mail_request(address.key, network=web.client_network())
        identity.request_email_change(actor, address)

    answer = web.submit(form, unit, to=url_for("profile.show", _anchor="signing-in"))
    return answer or authentication.form_page(form, "account/profile/email.html")


@blueprint.route("/email/<token>", methods=["GET", "POST"])
def confirm_email(token: str) -> Any:
    """Open the mail's link. GET changes nothing; POST changes the user's address."""
    actor, form, template = web.actor(), web.Form(), "account/profile/confirm_email.html"
    change_id = tokens.read("email-change", token, epoch=installation.link_epoch())
    change = identity.pending_email_change(actor)
    if change_id is None or change is None or change.id != change_id:
        return web.page("account/profile/email_over.html", status=404)
    address = change.email
    success = _("Your address is %(email)s from now on.", email=address)

    def unit() -> None:
        identity.change_email(actor, change_id)

    if answer := web.submit(form, unit, to=url_for("profile.show"), success=success):
        return answer
    return authentication.form_page(form, template, email=address)
