"""Linking a cloud to an account: what may be chosen, why not, what it does, and doing it."""

from portal.domain.links.candidates import (
    PAGE,
    SEARCHED_FROM,
    WINDOW,
    Choice,
    Choices,
    candidate,
    choices,
)
from portal.domain.links.eligibility import Candidate, Target, against_account, target, why_not
from portal.domain.links.relink import Effect, effect, link

__all__ = [
    "PAGE",
    "SEARCHED_FROM",
    "WINDOW",
    "Candidate",
    "Choice",
    "Choices",
    "Effect",
    "Target",
    "against_account",
    "candidate",
    "choices",
    "effect",
    "link",
    "target",
    "why_not",
]
