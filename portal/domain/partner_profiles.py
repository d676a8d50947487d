"""Profiles of partners: what customers read of the firm, what its statements name, its logo."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, LargeBinary, or_, select, true
from sqlalchemy.orm import Mapped, mapped_column, synonym

from portal import db
from portal.domain import access, audit, values
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.values import Invalid, Picture, PictureType

MAX_ADDRESS_LINES = 4
MAX_PREFIX_LENGTH = 20


class PartnerProfile(db.Base):
    """At most one per partner's account; before the first edit all fields are empty.

    `last_number` is the last number of a customer statement, 0 if there is none. `logo_digest` is
    the SHA-256 of the logo. `version` counts the edits of the fields.
    """

    __tablename__ = "partner_profiles"
    __table_args__ = (
        CheckConstraint(
            "(logo IS NULL) = (logo_type IS NULL) AND (logo IS NULL) = (logo_digest IS NULL)",
            name="logo_whole",
        ),
        CheckConstraint("last_number >= 0", name="last_number"),
    )

    account_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"), primary_key=True)
    id = synonym("account_id")
    legal_name: Mapped[str] = mapped_column(default="")
    country: Mapped[str] = mapped_column(default="")
    tin: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    postal_code: Mapped[str] = mapped_column(default="")
    city: Mapped[str] = mapped_column(default="")
    contact_person: Mapped[str] = mapped_column(default="")
    support_email: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")
    number_prefix: Mapped[str] = mapped_column(default="")
    last_number: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=0)
    logo: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    logo_type: Mapped[PictureType | None] = mapped_column(db.enum_column(PictureType, "logo_type"))
    logo_digest: Mapped[str | None]

    @property
    def display_phone(self) -> str:
        """The phone number in the form that people read; empty without one."""
        return values.phone(self.phone, self.country).display if self.phone else ""

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Visible to holders of a role on the partner's account or on a subaccount of it."""
        if actor.is_system:
            return true()
        own = access.account_ids(actor)
        partners = select(BillingAccount.parent_id).where(BillingAccount.id.in_(own))
        return or_(cls.account_id.in_(own), cls.account_id.in_(partners))


@dataclass(frozen=True)
class ProfileDraft:
    """The fields of a profile as entered."""

    legal_name: str = ""
    country: str = ""
    tin: str = ""
    address: str = ""
    postal_code: str = ""
    city: str = ""
    contact_person: str = ""
    support_email: str = ""
    phone: str = ""
    number_prefix: str = ""

    def normalised(self) -> ProfileDraft:
        """Return the draft with every field in its stored form.

        Raises Refused with the field and the code of `normalise_field`.
        """
        normalised: dict[str, str] = {}
        for field, value in asdict(self).items():
            try:
                normalised[field] = normalise_field(field, value, self.country)
            except Invalid as error:
                raise Refused(error.code, field=field, **error.facts) from error
        return ProfileDraft(**normalised)


def _address(value: str) -> str:
    """Return the lines of a postal address, without postal code and city."""
    lines = values.paragraph(value, limit=300).replace("\n\n", "\n")
    if lines.count("\n") >= MAX_ADDRESS_LINES:
        raise Invalid(Code.ADDRESS_LINES, most=MAX_ADDRESS_LINES)
    return lines


def _number_prefix(value: str) -> str:
    """Return what the numbers of customer statements begin with."""
    prefix = values.line(value)
    is_allowed = all(character.isalpha() or character in "0123456789-/" for character in prefix)
    if len(prefix) > MAX_PREFIX_LENGTH or not is_allowed:
        raise Invalid(Code.NUMBER_PREFIX, most=MAX_PREFIX_LENGTH)
    return prefix


REQUIRED = ("legal_name", "country")

_NORMALISERS: dict[str, Callable[[str, str], str]] = {
    "legal_name": lambda value, _country: values.line(value, limit=300),
    "country": lambda value, _country: values.country(value),
    "tin": values.tax_number,
    "address": lambda value, _country: _address(value),
    "postal_code": lambda value, _country: values.line(value, limit=20),
    "city": lambda value, _country: values.line(value, limit=100),
    "contact_person": lambda value, _country: values.line(value, limit=200),
    "support_email": lambda value, _country: values.email(value).display,
    "phone": lambda value, country: values.phone(value, country).e164,
    "number_prefix": lambda value, _country: _number_prefix(value),
}


def normalise_field(field: str, value: str, country: str) -> str:
    """Return a field's value in its stored form; an empty optional field stays empty.

    Phone and tax number are read by the country's rules. Raises Invalid.
    """
    if not value.strip():
        if field in REQUIRED or (field == "tin" and values.is_tax_number_required(country)):
            raise Invalid(Code.REQUIRED)
        return ""
    return _NORMALISERS[field](value, country)


def profile_of(partner_id: str | None) -> PartnerProfile | None:
    """Return the profile of a partner's account. The caller has checked that the actor may see
    it."""
    return db.session.get(PartnerProfile, partner_id) if partner_id else None


def draft_of(profile: PartnerProfile) -> ProfileDraft:
    """Return the draft that would give this profile's values, to fill a form."""
    return ProfileDraft(**{each.name: getattr(profile, each.name) for each in fields(ProfileDraft)})


def edit(partner: BillingAccount, *, by: Actor, draft: ProfileDraft, version: int) -> None:
    """Owners of a partner's account edit its profile; the prefix only until a statement has a
    number.

    `version` is that of the profile that the form was filled from, 0 if there was none. Raises
    Forbidden; Refused("not-partner", "record-changed", "number-prefix-used") or as
    `ProfileDraft.normalised`.
    """
    partner = db.lock(BillingAccount, partner.id)
    access.require(by, Action.PARTNER_EDIT_PROFILE, partner)
    profile = _read_or_add(partner)
    if profile.version != version:
        raise Refused(Code.RECORD_CHANGED)
    draft, before = draft.normalised(), draft_of(profile)
    if profile.last_number and draft.number_prefix != before.number_prefix:
        raise Refused(Code.NUMBER_PREFIX_USED, field="number_prefix")
    changed_fields = [
        name for name, value in asdict(draft).items() if value != getattr(before, name)
    ]
    if not changed_fields:
        return
    for name in changed_fields:
        setattr(profile, name, getattr(draft, name))
    profile.version += 1
    _record(Action.PARTNER_EDIT_PROFILE, partner, by, fields=changed_fields)


def set_logo(partner: BillingAccount, *, by: Actor, logo: Picture) -> None:
    """Owners of a partner's account set its logo. Raises Forbidden, Refused("not-partner")."""
    partner = db.lock(BillingAccount, partner.id)
    access.require(by, Action.PARTNER_EDIT_PROFILE, partner)
    profile = _read_or_add(partner)
    profile.logo, profile.logo_type = logo.content, logo.type
    profile.logo_digest = hashlib.sha256(logo.content).hexdigest()
    _record(Action.PARTNER_SET_LOGO, partner, by)


def remove_logo(partner: BillingAccount, *, by: Actor) -> None:
    """Owners of a partner's account remove its logo, if it has one. Raises Forbidden,
    Refused("not-partner")."""
    partner = db.lock(BillingAccount, partner.id)
    access.require(by, Action.PARTNER_EDIT_PROFILE, partner)
    profile = _read_or_add(partner)
    if profile.logo_digest is None:
        return
    profile.logo = profile.logo_type = profile.logo_digest = None
    _record(Action.PARTNER_REMOVE_LOGO, partner, by)


def _read_or_add(partner: BillingAccount) -> PartnerProfile:
    """Return the profile of a locked account, a new one if it has none. Raises
    Refused("not-partner")."""
    if partner.kind is not Kind.PARTNER:
        raise Refused(Code.NOT_PARTNER)
    profile = db.session.get(PartnerProfile, partner.id, populate_existing=True)
    if profile is None:
        profile = PartnerProfile(account_id=partner.id)
        db.session.add(profile)
        db.session.flush()
    return profile


def _record(action: Action, partner: BillingAccount, by: Actor, **facts: Any) -> None:
    db.session.flush()
    audit.record(action, by=by, chain=partner.id, thing=partner.id, **facts)
