"""The business: rules, states and verbs; knows no HTTP, HTML, mail server or cloud.

Modules may import those above them: terms, errors, contact, actor, audit, outbox, identity, once,
access, account, cloud, invitation, customer, importing, team, activity.
"""
