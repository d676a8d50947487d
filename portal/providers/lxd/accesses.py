"""Accesses as certificates: the portal makes key and certificate, and LXD is given the certificate.

Not by LXD's join tokens: in LXD 5.0 everybody with a certificate can read those that wait, in the
list of operations, and use them first. And the certificates that LXD's clients make show to
everybody who owns them (`user@host`).
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from portal.providers.contract import Access, Done, How, Member, NeedsPerson, Never, Role
from portal.providers.lxd import memberships, projects
from portal.providers.lxd.memberships import Membership
from portal.providers.lxd.session import Session

CLOCKS_DIFFER = timedelta(hours=1)
"""LXD's clock may be so much behind ours."""


def make(
    session: Session,
    external_id: str,
    member: Member,
    *,
    access_id: str,
    until: datetime,
    secret: str = "",
) -> Access:
    """A new certificate, valid until then; the earlier one of this access ends. If it is one of
    another cloud, too, it stays, and gets this cloud as well. `secret` is not used: the private key
    is made here. Raises NeedsPerson if the member may have none, or the cloud is suspended; Never
    if the time is over."""
    if until <= datetime.now(UTC):
        raise Never("The access has ended before it was made.")
    membership = _require(session, external_id, member)
    if access_id not in membership.access_ids:
        access_ids = (*membership.access_ids, access_id)
        memberships.keep(session, external_id, member, Membership(membership.role, access_ids))
    for row in memberships.certificates(session, [access_id]):
        if set(row["projects"]) - {external_id}:
            memberships.attach(session, row, external_id)
            return Access(How.TEXT, _text(session, external_id, row["certificate"]), until)
    memberships.remove(session, external_id, [access_id])
    certificate, key = make_certificate(access_id, until)
    add(session, external_id, access_id, certificate)
    return Access(How.TEXT, _text(session, external_id, certificate + key), until)


def _require(session: Session, external_id: str, member: Member) -> Membership:
    """The membership, of a role that has access."""
    project = projects.require(session, external_id)
    if projects.is_suspended(project):
        raise NeedsPerson("lxd-cloud-suspended", project=external_id)
    membership = memberships.by_member(project).get(member.id)
    if membership is None:
        raise NeedsPerson("lxd-no-membership", member=member.id)
    if membership.role is Role.VIEWER:
        raise NeedsPerson("lxd-no-viewers", member=member.id)
    return membership


def withdraw(session: Session, external_id: str, member: Member, *, access_id: str) -> Done:
    """Remove the certificate, or take the cloud from it if it is one of another cloud, too."""
    memberships.remove(session, external_id, [access_id])
    project = projects.find(session, external_id)
    if project is not None:
        membership = memberships.by_member(project).get(member.id)
        if membership is not None and access_id in membership.access_ids:
            kept = tuple(each for each in membership.access_ids if each != access_id)
            memberships.keep(session, external_id, member, Membership(membership.role, kept))
    return Done(external_id, datetime.now(UTC))


def add(session: Session, external_id: str, access_id: str, certificate: str) -> None:
    """Let LXD trust the certificate, for this project alone."""
    fields = {
        "name": access_id,
        "type": "client",
        "restricted": True,
        "projects": [external_id],
        "certificate": base64.b64encode(_der(certificate)).decode(),
    }
    session.call("POST", "/certificates", fields)


def _der(certificate: str) -> bytes:
    loaded = x509.load_pem_x509_certificate(certificate.encode())
    return loaded.public_bytes(serialization.Encoding.DER)


def make_certificate(access_id: str, until: datetime) -> tuple[str, str]:
    """A certificate and its private key in PEM. Everybody on the server can read the certificate:
    it names the access alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, access_id[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - CLOCKS_DIFFER)
        .not_valid_after(until)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(pem).decode(), private.decode()


def _text(session: Session, external_id: str, pem: str) -> str:
    """The file that is client.crt and client.key at once; LXD's clients skip the first lines."""
    lines = [
        f"LXD server: {session.base}",
        f"Its certificate's fingerprint: {session.http.fingerprint}",
        f"Project: {external_id}",
        "",
        pem,
    ]
    return "\n".join(lines)
