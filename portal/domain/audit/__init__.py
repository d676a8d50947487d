"""Audit log: append-only, hash-chained lines of who did what."""

from portal.domain.audit.lines import (
    GENESIS,
    INSTALLATION,
    AuditHead,
    AuditLine,
    HistoryLine,
    open_chain,
    record,
)
from portal.domain.audit.verification import find_broken_links
