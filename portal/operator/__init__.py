"""The operator's pages: the work outside of requests, feedback on the guide."""

from portal.operator import audit_heads, feedback, unknown_mails, work
from portal.operator.blueprint import blueprint
