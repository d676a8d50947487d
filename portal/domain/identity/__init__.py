"""Who someone is: user, verified e-mail, password, session, who may sign up.

A user exists from the moment the address is verified, never before: what waits for its mail is a
sign-up, and reserves nothing. The password is chosen after the mail was answered, so nobody can
prepare an account for somebody else's address.
"""

from portal.domain.identity.email_change import (
    EMAIL_CHANGE_LIFETIME,
    EmailChange,
    change_email,
    pending_email_change,
    request_email_change,
)
from portal.domain.identity.password import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    change_password,
    check_password,
    hash_password,
    password_problem,
    request_password_reset,
    reset_password,
    use_hasher,
    user_for_reset,
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
    SEEN_INTERVAL,
    SESSION_IDLE_TIMEOUT,
    SESSION_LIFETIME,
    SavedForm,
    UserSession,
    actor_of_session,
    end_other_sessions,
    end_session,
    end_session_of,
    end_sessions,
    open_session,
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
    sign_up,
    waiting_sign_up,
)
from portal.domain.identity.user import (
    User,
    as_actor,
    edit_profile,
    enable,
    has_users,
    make_operator,
    refresh_actor,
    time_zones,
    user_by_email,
)
