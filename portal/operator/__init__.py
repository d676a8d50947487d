"""The operator's pages: what needs a person, work, clouds, usage, partners, people."""

from portal.operator import (
    audit_heads,
    carrying_out,
    claims,
    connections,
    drift,
    feedback,
    home,
    installation,
    limits,
    mappings,
    metering,
    months,
    partners,
    people,
    unknown_mails,
    usage,
    usage_invoices,
    usage_keys,
    usage_upload,
    work,
)
from portal.operator.blueprint import blueprint
