"""Workflows: changes that span several parts of the domain, each in its one order."""

from portal.domain.workflows.disable_user import disable_user

__all__ = ["disable_user"]
