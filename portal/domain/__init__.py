"""The business: rules, states and verbs; knows no HTTP, HTML, mail server or cloud.

Modules may import those above them: terms, actions, errors, contact, actor, audit, outbox,
identity, once, notice, access, account, cloud, invitation, customer, importing, linking, control,
explaining, team, activity, first_steps, feedback, workflows.
"""
