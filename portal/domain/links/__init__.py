"""Linking a cloud to an account: what may be chosen, why not, what it does, and doing it."""

from portal.domain.links.candidates import (
    PAGE,
    SEARCHED_FROM,
    WINDOW,
    Choice,
    Choices,
    find_candidate,
    list_candidates,
)
from portal.domain.links.eligibility import (
    Candidate,
    Target,
    account_refusal,
    find_refusal,
    target_for,
)
from portal.domain.links.relink import Effect, link, preview_effect
