"""Audit log: append-only, hash-chained lines of who did what."""

from portal.domain.audit.heads import (
    Head,
    Summary,
    find_lost,
    log_heads,
    parse_anchor,
    summary,
    to_anchor,
)
from portal.domain.audit.keys import KeyMissing, Keys, configure, newest_id
from portal.domain.audit.lines import (
    GENESIS,
    INSTALLATION,
    AuditHead,
    AuditLine,
    HistoryLine,
    key_id_of,
    open_chain,
    record,
)
from portal.domain.audit.verification import (
    Fault,
    Finding,
    find_broken_links,
    verify,
)
