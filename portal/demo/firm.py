"""The profile of the demonstration's first partner, with a logo that is drawn here; its prices."""

from __future__ import annotations

import io
from decimal import Decimal

from PIL import Image, ImageDraw

from portal import db
from portal.demo.companies import tax_number
from portal.demo.timeline import seeded_random
from portal.domain import partner_profiles, prices, values
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.partner_profiles import ProfileDraft

PETROL, SAND = "#0b5c74", "#e0a458"


def fill_in_profile(account: BillingAccount, *, by: Actor) -> None:
    """Fill in the profile and set the logo."""
    draft = ProfileDraft(
        legal_name="Halden Integration GmbH",
        country="DE",
        tin=tax_number(seeded_random("Halden"), "DE#########", "DE"),
        address="Speicherhof 7",
        postal_code="24937",
        city="Flensburg",
        contact_person="Olga Brandt",
        support_email="support@halden.example",
        number_prefix="HI-",
    )
    partner_profiles.edit(account, by=by, draft=draft, version=0)
    partner_profiles.set_logo(account, by=by, logo=values.picture(_draw_logo()))


def _draw_logo() -> bytes:
    """Return a PNG file: an H of three bars on a transparent ground."""
    image = Image.new("RGBA", (160, 160))
    draw = ImageDraw.Draw(image)
    for box, colour in (((20, 10, 55, 150), PETROL), ((105, 10, 140, 150), PETROL)):
        draw.rectangle(box, fill=colour)
    draw.polygon([(55, 90), (105, 55), (105, 90), (55, 125)], fill=SAND)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def set_prices(account: BillingAccount, *, percent: int, by: Actor) -> None:
    """Mark up what customers' clouds cost by `percent`, storage by more; customers see prices."""
    today = db.now().date()
    prices.set_rate(account, percent=Decimal(percent), starts_on=today, by=by)
    more = Decimal(percent + 6)
    prices.set_rate(account, percent=more, starts_on=today, service="Block storage", by=by)
    prices.publish(account, by=by)
