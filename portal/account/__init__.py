"""One's own account: signing in and up, password, profile, preferences, notifications."""
