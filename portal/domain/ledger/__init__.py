"""Ledger: lots, draws and entries of each paying account."""
