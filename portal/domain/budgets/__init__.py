"""Budgets: an amount a month, notices of how much is spent, and steps for a customer."""

from portal.domain.budgets.record import Budget, BudgetMonth, Kind, Steps
from portal.domain.budgets.setting import (
    erase,
    may_see,
    may_set,
    remove,
    remove_for_customer,
    set_budget,
    set_for_customer,
)
from portal.domain.budgets.spending import CustomerSpending, Spending, most_spent, spending_of
from portal.domain.budgets.watching import (
    Key,
    advance,
    find_due,
    find_suspensions,
    suspend_due,
)
