"""The business: rules, states and verbs; knows no HTTP, HTML, mail server or cloud.

Which module may import which: see the layers in pyproject.toml.
"""
