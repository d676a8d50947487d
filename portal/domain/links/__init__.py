"""Linking a cloud to an account: candidates, eligibility, the preview, and the link itself."""

from portal.domain.links.candidates import (
    PAGE,
    WINDOW,
    CandidateList,
    Option,
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
from portal.domain.links.relink import LinkPreview, link, move, preview_link
