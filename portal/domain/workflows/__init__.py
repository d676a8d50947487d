"""Workflows: changes that span several packages of the domain, in a fixed order."""

from portal.domain.workflows.disable_user import disable_user
from portal.domain.workflows.enable_user import enable_user
from portal.domain.workflows.end_partnership_on_its_day import end_partnership_on_its_day
from portal.domain.workflows.erase_customer import erase_customer
from portal.domain.workflows.finish_restore import Parked, finish_restore
from portal.domain.workflows.key_audit_log import key_audit_log
from portal.domain.workflows.pull_back_times import pull_back_times
from portal.domain.workflows.revoke_partner_status import revoke_partner_status
from portal.domain.workflows.sign_up import complete_sign_up, sign_up
