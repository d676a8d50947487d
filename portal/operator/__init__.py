"""The operator's pages: the work outside of requests, connections, people, feedback."""

from portal.operator import (
    audit_heads,
    carrying_out,
    claims,
    connections,
    drift,
    feedback,
    limits,
    mappings,
    people,
    unknown_mails,
    usage,
    usage_upload,
    work,
)
from portal.operator.blueprint import blueprint
