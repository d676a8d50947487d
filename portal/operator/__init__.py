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
    people,
    unknown_mails,
    usage,
    usage_upload,
    work,
)
from portal.operator.blueprint import blueprint
