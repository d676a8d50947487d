"""Wording of registered clouds."""

from __future__ import annotations

from flask_babel import lazy_gettext

from portal.domain.claims import ClaimState

STATES = {
    ClaimState.WAITING: lazy_gettext("Not verified"),
    ClaimState.VERIFIED: lazy_gettext("Verified"),
    ClaimState.REFUSED: lazy_gettext("Not verified: an operator refused it"),
    ClaimState.WITHDRAWN: lazy_gettext("Withdrawn"),
}
