"""Renders the message of an outbox entry: subject, text and HTML in its language."""

from __future__ import annotations

from collections.abc import Mapping
from email import charset, policy

from flask import current_app
from flask_babel import force_locale
from flask_mail import Mail, Message

from portal import config, tokens, urls
from portal.domain.outbox import OutboxEntry

extension = Mail()

# Flask-Mail asks for bare 8-bit text, which a relay need not take without 8BITMIME (RFC 6152).
charset.add_charset("utf-8", charset.SHORTEST, charset.QP, "utf-8")

SIGNED_LINKS = {"verification", "password-reset", "email-change"}
"""Kinds of mail whose link carries a signed token; `urls` has a page for each."""

# Python, asked to fold a long header anew, forgets the quotes around a name: its commas would part
# senders. Flask-Mail has folded by then.
AS_FOLDED = policy.SMTP.clone(refold_source="none")


def render(entry: OutboxEntry) -> Message:
    """The message of an entry: subject, text and HTML in the entry's language."""
    settings = config.current()
    facts = dict(entry.facts, product=settings.product_name, url=settings.external_url)
    facts |= {"language": entry.language, "url_of": _url_of}
    if entry.kind in SIGNED_LINKS:
        facts["link"] = _url_of(entry.kind, tokens.sign(entry.kind, entry.about))
    folder = f"mail/{entry.kind}"
    with force_locale(entry.language):
        message = Message(
            subject=" ".join(_rendered(f"{folder}/subject.txt", facts).split()),
            recipients=[entry.recipient],
            body=_rendered(f"{folder}/body.txt", facts).strip() + "\n",
            html=_rendered(f"{folder}/body.html", facts),
            sender=settings.mail_default_sender,
        )
    # Given to the constructor, the pair becomes text, and a comma or bracket in the name breaks it.
    message.sender = (settings.product_name, settings.mail_default_sender)
    domain = settings.mail_default_sender.rpartition("@")[2]
    message.msgId = f"<{entry.message_id}@{domain}>"
    message.date = entry.created_at.timestamp()
    message.extra_headers = {"Auto-Submitted": "auto-generated"}
    return message


def _url_of(kind: str, ident: str = "", account_id: str | None = None) -> str:
    """The full address of the page that shows a thing, as people outside reach it."""
    return config.current().external_url + urls.path(kind, ident, account_id)


def _rendered(template: str, facts: Mapping[str, object]) -> str:
    """Without the pages' context processors, which want a request; a worker has none."""
    return current_app.jinja_env.get_template(template).render(facts)


def message_bytes(message: Message) -> bytes:
    built = message._message()
    built.policy = AS_FOLDED
    return built.as_bytes()
