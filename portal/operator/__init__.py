"""The operator's pages: the work outside of requests, people, feedback on the guide."""

from portal.operator import audit_heads, feedback, people, unknown_mails, work
from portal.operator.blueprint import blueprint
