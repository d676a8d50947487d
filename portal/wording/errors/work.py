"""Error messages of the operator's steps with jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _

from portal.domain.errors import Code

SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Code.JOB_RUNNING: lambda f: _("This job is running. Wait until its try is over."),
    Code.JOB_OVER: lambda f: _("This job is over already."),
    Code.JOB_UPKEEP: lambda f: _("Upkeep can’t be cancelled."),
    Code.ORDER_TAKES_ACCESS: lambda f: _(
        "This order takes access away. It is tried until it is carried out."
    ),
    Code.MAIL_ONCE: lambda f: _(
        "An invitation is handed over at most once. If it did not arrive, the partner can send it "
        "again."
    ),
    Code.MAIL_EMPTIED: lambda f: _(
        "The address and contents of this mail were deleted 30 days after its end."
    ),
}
