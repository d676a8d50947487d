"""Identity: users, verified e-mail addresses, passwords, sessions, sign-up, rate limits.

A user exists only once their address is verified. Until then there is a sign-up, which reserves
nothing. The password is chosen after verification, so nobody can prepare an account for another
person's address.
"""

from portal.domain.identity.address_look_ups import (
    MISSES_PER_ACCOUNT,
    MISSES_PER_PERSON,
    AddressMiss,
    look_up,
)
from portal.domain.identity.email_change import (
    EMAIL_CHANGE_LIFETIME,
    EmailChange,
    change_email,
    pending_email_change,
    request_email_change,
)
from portal.domain.identity.password import (
    change_password,
    check_password,
    hash_new_password,
    hash_password,
    request_password_reset,
    reset_password,
    use_hasher,
    user_for_reset,
)
from portal.domain.identity.password_rules import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    normalize_password,
    password_problem,
)
from portal.domain.identity.rate_limits import (
    RateLimitCounter,
    count_feedback,
    count_mail_request,
    count_password_attempt,
    reset_password_attempts,
)
from portal.domain.identity.retention import purge_expired
from portal.domain.identity.session import (
    RECENT_AUTHENTICATION,
    SEEN_INTERVAL,
    SESSION_IDLE_TIMEOUT,
    SESSION_LIFETIME,
    SavedForm,
    UserSession,
    actor_of_session,
    end_all_sessions,
    end_other_sessions,
    end_session,
    end_session_of,
    end_sessions,
    has_recent_authentication,
    open_session,
    renew_authentication,
    require_recent,
    save_form,
    sessions_of,
    touch_session,
)
from portal.domain.identity.sign_up import (
    SIGN_UP_LIFETIME,
    AllowedEmail,
    SignUp,
    allow_email,
    create_user,
    pending_sign_up,
    sign_up,
)
from portal.domain.identity.user import (
    BlockReason,
    User,
    as_actor,
    edit_profile,
    enable,
    has_operators,
    has_users,
    lock_active,
    make_operator,
    refresh_actor,
    time_zones,
    user_by_email,
)
