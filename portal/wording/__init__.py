"""Sentences that people read and that are in no template."""
