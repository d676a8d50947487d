"""Wording of the kinds of connections: names, and the labels and hints of their fields."""

from __future__ import annotations

from flask_babel import lazy_gettext

from portal.domain.connections import Kind

NAMES = {
    Kind.BUILTIN: lazy_gettext("Built in"),
    Kind.MANUAL: lazy_gettext("By hand"),
    Kind.WEBHOOK: lazy_gettext("Webhook"),
    Kind.OPENSTACK: lazy_gettext("OpenStack"),
    Kind.LXD: lazy_gettext("LXD"),
}
MEANINGS = {
    Kind.BUILTIN: lazy_gettext("Clouds exist in the portal alone; nothing is carried out."),
    Kind.MANUAL: lazy_gettext("An operator creates the cloud, and says so here."),
    Kind.WEBHOOK: lazy_gettext("A program of yours carries out what signed requests ask for."),
    Kind.OPENSTACK: lazy_gettext("Projects in one domain of an OpenStack (Keystone v3)."),
    Kind.LXD: lazy_gettext("Projects of an LXD server or cluster."),
}
LABELS = {
    "url": lazy_gettext("Endpoint URL"),
    "secret": lazy_gettext("Secret"),
    "auth_url": lazy_gettext("Keystone URL"),
    "domain": lazy_gettext("Domain"),
    "username": lazy_gettext("User name"),
    "password": lazy_gettext("Password"),
    "user_domain": lazy_gettext("User domain"),
    "region": lazy_gettext("Region"),
    "token_cache": lazy_gettext("Token cache, in seconds"),
    "usage_project": lazy_gettext("Project to read usage with"),
    "federation_protocol": lazy_gettext("Federation protocol"),
    "fingerprint": lazy_gettext("Fingerprint of its certificate"),
    "client_certificate": lazy_gettext("Certificate of the portal"),
    "secret_key": lazy_gettext("Private key of that certificate"),
    "pool": lazy_gettext("Storage pool"),
    "network": lazy_gettext("Network"),
    "ca_certificates": lazy_gettext("CA certificates"),
    "console_url": lazy_gettext("Console URL"),
    "currency": lazy_gettext("Currency of costs"),
}
"""By the name of the field, which is the same in all kinds that have it."""
HINTS = {
    "url": lazy_gettext("A private address must be in one of CONNECTION_NETWORKS."),
    "secret": lazy_gettext(
        "The program has the same one, made by: echo whsec_$(openssl rand -base64 32)"
    ),
    "auth_url": lazy_gettext(
        "Such as https://cloud.example:5000/v3; without its version, /v3 is added."
    ),
    "domain": lazy_gettext("By its name. Projects and users are created in it."),
    "username": lazy_gettext("Of a user with the role manager on the domain."),
    "user_domain": lazy_gettext("Empty: the same domain."),
    "region": lazy_gettext("Written into each clouds.yaml; empty: none."),
    "token_cache": lazy_gettext(
        "For so long a token works after it was revoked: token_cache_time, by default 300."
    ),
    "usage_project": lazy_gettext("By its ID: docs/connect-openstack.md; empty: no usage is read."),
    "federation_protocol": lazy_gettext(
        "By its ID, such as openid; empty: nobody signs in by an identity provider."
    ),
    "fingerprint": lazy_gettext("On the server: lxc info | grep certificate_fingerprint"),
    "client_certificate": lazy_gettext(
        "In PEM form. On the server: lxc config trust add portal.crt --name portal"
    ),
    "secret_key": lazy_gettext("In PEM form, without a password."),
    "pool": lazy_gettext("Of new instances, unless their owner chooses another."),
    "network": lazy_gettext(
        "Of new instances. Everybody with access can change and delete it in LXD 5.0; empty: none."
    ),
    "ca_certificates": lazy_gettext("In PEM form; empty: those of the system."),
    "console_url": lazy_gettext("With {id} for the ID that the cloud has there; empty: none."),
    "currency": lazy_gettext("Empty: the currency of this installation."),
}


def name(code: str) -> str:
    """Return the name of a kind; its code, if another version has it."""
    return str(NAMES.get(code, code))  # type: ignore[call-overload]


def label(field: str) -> str:
    """Return the label of a field."""
    return str(LABELS.get(field, field))


def hint(field: str) -> str:
    """Return how to fill in a field; empty if its label says it."""
    return str(HINTS.get(field, ""))
