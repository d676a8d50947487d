"""Claims: existing clouds that people register, and that are verified before they are clouds here.

Registering looks at no cloud, so the answer is the same whether the ID exists, is taken or free.
"""

from portal.domain.claims.lifecycle import (
    MOST,
    check_again,
    purge_expired,
    refuse,
    register,
    withdraw,
)
from portal.domain.claims.listing import (
    PAGE,
    ClaimRow,
    claims_of,
    connections_to_claim,
    count_open,
    open_claims_for,
)
from portal.domain.claims.record import LIFETIME, Claim, ClaimState
from portal.domain.claims.verification import (
    Question,
    question_of,
    record_check,
    record_fault,
    verify,
)
