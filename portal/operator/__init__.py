"""The operator's pages: what needs a person, work, connections, usage, people, feedback."""

from portal.operator import (
    audit_heads,
    carrying_out,
    claims,
    connections,
    drift,
    feedback,
    home,
    limits,
    mappings,
    metering,
    months,
    people,
    unknown_mails,
    usage,
    usage_invoices,
    usage_keys,
    usage_upload,
    work,
)
from portal.operator.blueprint import blueprint
