"""Wording of registered clouds: their states, and audit lines of them and of drift."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from portal.domain.actions import Action
from portal.domain.claims import ClaimState

STATES = {
    ClaimState.WAITING: lazy_gettext("Not verified"),
    ClaimState.VERIFIED: lazy_gettext("Verified"),
    ClaimState.REFUSED: lazy_gettext("Not verified: an operator refused it"),
    ClaimState.WITHDRAWN: lazy_gettext("Withdrawn"),
}

AUDIT_TITLES = {
    Action.CLOUD_ADOPT: lazy_gettext("Existing cloud taken over"),
    Action.CLOUD_ADOPT_DRIFT: lazy_gettext("Change at the cloud adopted"),
    Action.CLOUD_RESTORE_DRIFT: lazy_gettext("Change at the cloud undone"),
    Action.CLAIM_REGISTER: lazy_gettext("Existing cloud registered"),
    Action.CLAIM_WITHDRAW: lazy_gettext("Registration of a cloud withdrawn"),
    Action.CLAIM_CHECK: lazy_gettext("Registration of a cloud checked again"),
    Action.CLAIM_VERIFY: lazy_gettext("Registration of a cloud verified"),
    Action.CLAIM_REFUSE: lazy_gettext("Registration of a cloud refused"),
}
AUDIT_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Action.CLOUD_ADOPT: lambda f: _(
        "The existing cloud %(external)s was taken over as %(id)s.",
        external=f["external_id"],
        id=f["thing"],
    ),
    Action.CLOUD_ADOPT_DRIFT: lambda f: _(
        "What was changed by hand at the cloud %(id)s was adopted.", id=f["thing"]
    ),
    Action.CLOUD_RESTORE_DRIFT: lambda f: _(
        "What was changed by hand at the cloud %(id)s is undone.", id=f["thing"]
    ),
    Action.CLAIM_REGISTER: lambda f: _("An existing cloud was registered: %(id)s.", id=f["thing"]),
    Action.CLAIM_WITHDRAW: lambda f: _(
        "The registration of a cloud was withdrawn: %(id)s.", id=f["thing"]
    ),
    Action.CLAIM_CHECK: lambda f: _(
        "The registration of a cloud is checked again: %(id)s.", id=f["thing"]
    ),
    Action.CLAIM_VERIFY: lambda f: _(
        "The registration of a cloud was verified: %(id)s is %(cloud)s.",
        id=f["thing"],
        cloud=f["cloud"],
    ),
    Action.CLAIM_REFUSE: lambda f: _(
        "The registration of a cloud was refused: %(id)s.", id=f["thing"]
    ),
}
