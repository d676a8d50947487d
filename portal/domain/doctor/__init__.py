"""Doctor: checks for rows that break the invariants of the business.

A check finds what its constraint, trigger or verb was to prevent: after raw SQL, a wrong migration,
a restore or a bug. I6 and I7 are rules of behaviour; tests hold them.
"""

from portal.domain.doctor.audit_log import AUDIT_FAULTS
from portal.domain.doctor.check import Check, Problem
from portal.domain.doctor.examination import CHECKS, LISTED, Result, examine, run
