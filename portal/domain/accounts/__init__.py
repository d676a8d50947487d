"""Billing accounts and subaccounts: kind, mode, status, initial grant, partner status."""

from portal.domain.accounts.lifecycle import (
    grant_partner_status,
    open_paid,
    open_subaccount,
    register,
    rename,
    switch_to_paid,
)
from portal.domain.accounts.listing import (
    PAGE,
    PartnerAccount,
    accounts_for,
    accounts_to_pay_from,
    direct_accounts_of,
    first_own_account,
    partner_accounts_of,
)
from portal.domain.accounts.lot_notices import notify_of_lots
from portal.domain.accounts.record import BillingAccount, Kind, Mode, Status
