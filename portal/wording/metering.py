"""Wording of usage that connections deliver: what went wrong, rates."""

from __future__ import annotations

from flask_babel import gettext as _

from portal.domain.metering import Rates, Status
from portal.i18n.formats import plain_day
from portal.wording import faults
from portal.wording.usage import exact_money


def fault(status: Status) -> str:
    """Return why the last try failed; empty if it did not."""
    return faults.sentence(status.fault, status.fault_facts)


def rates(of: Rates, currency: str) -> list[str]:
    """Return the rates, each with its unit, and since when they are."""
    sentences = [
        _("%(amount)s for a vCPU and hour", amount=exact_money(of.cpu, currency)),
        _("%(amount)s for a GiB of memory and hour", amount=exact_money(of.memory, currency)),
        _("%(amount)s for a GiB of disk and month", amount=exact_money(of.disk, currency)),
        _("from %(day)s on", day=plain_day(of.since_on)),
    ]
    return [str(sentence) for sentence in sentences]
