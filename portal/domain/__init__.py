"""The business: rules, states and verbs; knows no HTTP, HTML, mail server or cloud.

The layers in pyproject.toml say which module may import which.
"""
