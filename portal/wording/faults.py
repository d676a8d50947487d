"""Wording of what providers find: a sentence for each code of NeedsPerson, and missing rights.

Each says what is wrong and what an operator does. The facts of a code fill its sentence; what the
cloud itself `said` comes behind it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from portal.domain.errors import Code
from portal.domain.jobs import UNREADABLE
from portal.domain.work import ORDER_CANCELLED

HTTP = {
    "http-url-wrong": lazy_gettext("The address is not one of a server. Correct it."),
    "http-address-refused": lazy_gettext(
        "%(host)s leads to a private address (%(addresses)s). If that is meant, add its network to "
        "CONNECTION_NETWORKS and restart the portal."
    ),
    "http-unencrypted": lazy_gettext(
        "%(host)s is asked without TLS, which is allowed in private networks only. Begin the "
        "address with https://."
    ),
    "http-certificate-refused": lazy_gettext(
        "The certificate of %(host)s is not trusted. Have it renewed, or enter the certificate of "
        "its issuer."
    ),
    "http-certificate-changed": lazy_gettext(
        "%(host)s has another certificate than the one that is trusted. If that is meant, enter "
        "its fingerprint: %(seen)s"
    ),
    "http-ca-unreadable": lazy_gettext(
        "The CA certificates can’t be read. Enter them again, in PEM form."
    ),
    "http-client-certificate-unreadable": lazy_gettext(
        "The certificate of the portal and its private key don’t belong together, or can’t be "
        "read. Enter them again."
    ),
    "http-answer-too-large": lazy_gettext(
        "The answer of %(host)s is too large. Check that the address is the right one."
    ),
}
WEBHOOK = {
    "webhook-secret-wrong": lazy_gettext("The secret is none of a webhook. Enter it again."),
    "webhook-signature-refused": lazy_gettext(
        "The program refuses the signature. Enter the secret that it has, and check its clock."
    ),
    "webhook-url-wrong": lazy_gettext(
        "The program takes no orders at this address. Correct the address."
    ),
    "webhook-redirects": lazy_gettext(
        "The program sends requests to another address. Enter that address."
    ),
    "webhook-answer-unclear": lazy_gettext(
        "The program’s answer to “%(type)s” is not as described in docs/connect-webhook.md. "
        "Correct the program."
    ),
    "webhook-conflict": lazy_gettext(
        "There is something else with the same name. Look at it there, then run the order again."
    ),
    "webhook-gone": lazy_gettext("The cloud does not exist there any more."),
}
OPENSTACK = {
    "openstack-not-keystone": lazy_gettext(
        "The answer is none of Keystone v3. Correct the address; it ends in /v3."
    ),
    "openstack-credentials-wrong": lazy_gettext(
        "Keystone refuses the user name or the password. Enter them again."
    ),
    "openstack-password-expired": lazy_gettext(
        "The password of the connection’s user has expired. Set a new one in Keystone, and enter "
        "it here."
    ),
    "openstack-no-role": lazy_gettext(
        "The user has no role on the domain %(domain)s, or there is no such domain. Give the user "
        "the role manager on it."
    ),
    "openstack-right-missing": lazy_gettext(
        "The user may not do this: %(request)s. Give the user the role manager on the domain."
    ),
    "openstack-role-missing": lazy_gettext(
        "Keystone has no role %(role)s. Create it: keystone-manage bootstrap does."
    ),
    "openstack-list-cut": lazy_gettext(
        "Keystone cuts the list of %(list)s. Raise list_limit in its settings."
    ),
    "openstack-name-taken": lazy_gettext(
        "The project %(project)s, which the portal did not create, has the name “%(name)s”. Rename "
        "it, then run the order again."
    ),
    "openstack-cloud-doubled": lazy_gettext(
        "Several projects have the tag of this cloud: %(projects)s. Remove it from all but one."
    ),
    "openstack-cloud-gone": lazy_gettext("The project %(project)s does not exist any more."),
    "openstack-cloud-of-another": lazy_gettext(
        "The project %(project)s has the tag of another cloud: %(id)s. Correct its tag."
    ),
    "openstack-cloud-suspended": lazy_gettext(
        "The project %(project)s is disabled: nobody gets access to it before it is resumed."
    ),
    "openstack-user-not-ours": lazy_gettext(
        "The user %(user)s, which the portal did not create, has the name “%(name)s”. Rename the "
        "user, then run the order again."
    ),
    "openstack-no-user": lazy_gettext(
        "The user of the membership %(member)s does not exist any more. Give the role again."
    ),
    "openstack-identity-unknown": lazy_gettext(
        "Keystone has no identity provider %(provider)s with the protocol of this connection. "
        "Correct the identity of the person, or the protocol."
    ),
    "openstack-identity-not-ours": lazy_gettext(
        "The person has the user %(user)s, which the portal did not create. Delete it, then run "
        "the order again."
    ),
    "openstack-identity-taken": lazy_gettext(
        "Somebody else has the identity %(subject)s of %(provider)s, here or in another domain. "
        "Correct the identity of the person."
    ),
    "openstack-identity-revoked": lazy_gettext(
        "The user %(user)s was revoked on the project %(project)s; with a new role its old "
        "credentials would work again. Delete the user, then run the order again."
    ),
    "openstack-no-console": lazy_gettext("Federated people sign in at the console. Enter its URL."),
    "openstack-no-rating": lazy_gettext(
        "There is no CloudKitty. Enter the project to read usage with, and check the public "
        "endpoint of the service “rating”."
    ),
    "openstack-rating-refused": lazy_gettext(
        "CloudKitty does not show the usage of all projects. Give the user the role for that."
    ),
    "openstack-rating-unclear": lazy_gettext(
        "CloudKitty’s answer is not as expected. Check its version and its metrics."
    ),
    "openstack-no-application-credentials": lazy_gettext(
        "Keystone refuses application credentials. Allow them in its settings."
    ),
}
LXD = {
    "lxd-not-lxd": lazy_gettext("The answer is none of LXD. Correct the address."),
    "lxd-not-trusted": lazy_gettext(
        "LXD does not trust the certificate of the portal. On the server: lxc config trust add "
        "portal.crt --name portal"
    ),
    "lxd-right-missing": lazy_gettext(
        "The certificate of the portal may not do this: %(request)s. Trust it without restriction "
        "to projects."
    ),
    "lxd-name-taken": lazy_gettext(
        "The portal did not create the project %(project)s. Rename it, then run the order again."
    ),
    "lxd-cloud-gone": lazy_gettext("The project %(project)s does not exist any more."),
    "lxd-cloud-of-another": lazy_gettext(
        "The project %(project)s is another cloud: %(id)s. Correct its user.portal.id."
    ),
    "lxd-cloud-suspended": lazy_gettext(
        "The project %(project)s is suspended: nobody gets access to it before it is resumed."
    ),
    "lxd-change-refused": lazy_gettext(
        "LXD refuses to change the project %(project)s: its instances may have more than the new "
        "limits. Raise the limits, or have instances removed."
    ),
    "lxd-limit-unknown": lazy_gettext(
        "LXD has no limit %(limit)s. It has cpu, memory, disk, instances."
    ),
    "lxd-not-started": lazy_gettext(
        "Instances of the project %(project)s don’t start; people have access again. Start them "
        "there, then run the order again."
    ),
    "lxd-no-membership": lazy_gettext(
        "The project has no membership %(member)s any more. Give the role again."
    ),
    "lxd-no-viewers": lazy_gettext(
        "LXD has no role that only reads: a viewer gets no access. Give another role."
    ),
}
SENTENCES: dict[str, str] = {
    **HTTP,
    **WEBHOOK,
    **OPENSTACK,
    **LXD,
    Code.CREDENTIALS_UNREADABLE: lazy_gettext(
        "The credentials can’t be decrypted. Enter them again."
    ),
    "kind-not-installed": lazy_gettext(
        "This version has no program for the kind %(kind)s. Install one that has it."
    ),
    "usage-currency": lazy_gettext(
        "Its costs are in %(theirs)s, and those of the portal in %(ours)s. Nothing is delivered."
    ),
    "usage-refused": lazy_gettext(
        "The delivery %(delivery)s could not be published; its page says why."
    ),
    "usage-busy": lazy_gettext("Another worker delivers its usage."),
    "order-still-running": lazy_gettext(
        "The cloud has been carrying this out for 24 hours. Look at it there, then run the order "
        "again."
    ),
    UNREADABLE: lazy_gettext(
        "This row of the table jobs can’t be read: %(columns)s. Run the job again without what was "
        "there, or cancel it."
    ),
    ORDER_CANCELLED: lazy_gettext("An operator cancelled it."),
}
FOR_EVERYBODY = frozenset({"lxd-no-viewers", ORDER_CANCELLED})
"""Codes whose sentence says nothing of the connection."""
RIGHTS = {
    "list projects and users": lazy_gettext("list projects and users"),
    "create projects": lazy_gettext("create projects"),
    "create users": lazy_gettext("create users"),
    "update projects": lazy_gettext("update projects"),
    "delete projects": lazy_gettext("delete projects"),
    "delete users": lazy_gettext("delete users"),
    "list role assignments": lazy_gettext("list role assignments"),
    "grant the role reader": lazy_gettext("grant the role reader"),
    "grant the role member": lazy_gettext("grant the role member"),
    "read the usage of all projects": lazy_gettext("read the usage of all projects"),
    "set passwords and sign in by application credentials": lazy_gettext(
        "set passwords and sign in by application credentials"
    ),
    "API extension": lazy_gettext("API extension"),
    "storage pool": lazy_gettext("storage pool"),
    "managed network": lazy_gettext("managed network"),
    "list projects": lazy_gettext("list projects"),
    "change projects": lazy_gettext("change projects"),
    "add certificates": lazy_gettext("add certificates"),
    "change certificates and list instances": lazy_gettext(
        "change certificates and list instances"
    ),
    "remove certificates": lazy_gettext("remove certificates"),
    "read what projects use": lazy_gettext("read what projects use"),
}
"""Rights that a test finds missing, by the words of their provider."""


def sentence(answer: str, facts: Mapping[str, str] | None = None) -> str:
    """Return the sentence of a code with its facts; any other answer, the cloud's own words, as it
    is."""
    if answer not in SENTENCES:
        return answer
    known = defaultdict(lambda: "?", facts or {})
    text = str(SENTENCES[answer]) % known
    said = (facts or {}).get("said", "")
    return str(_("%(sentence)s It says: %(said)s", sentence=text, said=said)) if said else text


def for_everybody(answer: str) -> str:
    """Return the sentence of a code that everybody may read; empty for what is for operators."""
    return sentence(answer) if answer in FOR_EVERYBODY else ""


def right(missing: str) -> str:
    """Return a missing right, with what the cloud said of it: "create users (403 …)"."""
    name, mark, said = missing.partition(" (")
    return f"{RIGHTS.get(name, name)}{mark}{said}"
