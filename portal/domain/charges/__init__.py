"""Charges: what a cloud cost an account, by service, category and usage day."""
