"""What holds the lab inside its limits, in code and not in a prompt: budgets, spending, policy, approvals, secrets."""

from labwright.guard.approvals import Approvals
from labwright.guard.budgets import BudgetKeeper
from labwright.guard.policy import Ruling, decide
from labwright.guard.secrets import Redactor
from labwright.guard.spending import SpendingKeeper

__all__ = ["Approvals", "BudgetKeeper", "Redactor", "Ruling", "SpendingKeeper", "decide"]
