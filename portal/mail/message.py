"""Render a delivery as a message: subject, text and HTML in the recipient's language."""

from __future__ import annotations

from collections.abc import Mapping
from email import charset, policy

from flask import current_app
from flask_babel import force_locale
from flask_mail import Mail, Message

from portal import config, db, tokens, urls
from portal.domain import installation
from portal.domain.mail_deliveries import MailDelivery

extension = Mail()

# Flask-Mail chooses 8bit, which a relay without 8BITMIME (RFC 6152) may refuse.
charset.add_charset("utf-8", charset.SHORTEST, charset.QP, "utf-8")

SIGNED_LINKS = {"verification", "password-reset", "email-change"}
"""Kinds of mail whose link has a signed token. `urls` has a page for each kind."""

# Flask-Mail has already folded the headers. When Python refolds one, it drops the quotes around a
# name, and a comma in the name then separates two senders.
NO_REFOLDING = policy.SMTP.clone(refold_source="none")


def render(entry: MailDelivery) -> Message:
    """The entry as a message: subject, text and HTML in the entry's language."""
    settings = config.current()
    facts = dict(entry.facts, product=settings.product_name, url=settings.external_url)
    facts |= {"language": entry.language, "url_of": _url_of}
    if entry.kind in SIGNED_LINKS:
        epoch = db.read(installation.link_epoch)
        facts["link"] = _url_of(entry.kind, tokens.sign(entry.kind, entry.about, epoch=epoch))
    folder = f"mail/{entry.kind}"
    with force_locale(entry.language):
        message = Message(
            subject=" ".join(_render_template(f"{folder}/subject.txt", facts).split()),
            recipients=[entry.recipient],
            body=_render_template(f"{folder}/body.txt", facts).strip() + "\n",
            html=_render_template(f"{folder}/body.html", facts),
            sender=settings.mail_default_sender,
        )
    # Not in the constructor, which joins the pair unquoted: a comma in the name would break it.
    message.sender = (settings.product_name, settings.mail_default_sender)
    domain = settings.mail_default_sender.rpartition("@")[2]
    message.msgId = f"<{entry.message_id}@{domain}>"
    message.date = entry.created_at.timestamp()
    message.extra_headers = {"Auto-Submitted": "auto-generated"}
    return message


def _url_of(kind: str, thing_id: str = "", account_id: str | None = None) -> str:
    """The absolute URL of the page that shows a thing."""
    return config.current().external_url + urls.path(kind, thing_id, account_id)


def _render_template(template: str, facts: Mapping[str, object]) -> str:
    # Without the context processors of pages: they need a request, and the worker has none.
    return current_app.jinja_env.get_template(template).render(facts)


def message_bytes(message: Message) -> bytes:
    """The message as it is sent (RFC 5322)."""
    email_message = message._message()
    email_message.policy = NO_REFOLDING
    return email_message.as_bytes()
