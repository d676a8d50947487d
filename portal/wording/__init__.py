"""Wording: the sentences and labels that are not in templates."""
