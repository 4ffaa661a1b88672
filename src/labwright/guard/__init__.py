"""What holds the lab inside its limits, in code and not in a prompt. Today: budgets."""

from labwright.guard.budgets import BudgetKeeper

__all__ = ["BudgetKeeper"]
