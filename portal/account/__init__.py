"""The user's own account: sign-in, sign-up, password, profile, preferences, notifications."""

from portal.account import (
    authentication,
    confirm,
    notifications,
    password_reset,
    preferences,
    profile,
    sign_in,
    sign_up,
)
