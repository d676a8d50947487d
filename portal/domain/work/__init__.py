"""Work: what operators see of the jobs of all packages, and what they may do about one."""

from portal.domain.work.control import (
    ORDER_CANCELLED,
    cancel,
    cancel_refusal,
    run_again,
    run_again_refusal,
)
from portal.domain.work.listing import PAGE, JobRow, job_row, jobs_for, latest_upkeep
from portal.domain.work.overview import Mails, Totals, mails_since, totals
from portal.domain.work.partners import PAGE as PARTNERS_PAGE
from portal.domain.work.partners import PartnerRow, find_partner, partners_for
from portal.domain.work.partners import details_of as details_of_partner
from portal.domain.work.summary import LISTED_STATES, KindSummary, summaries_for
