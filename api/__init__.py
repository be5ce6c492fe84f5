"""The control plane: REST, database, job lifecycle and issuing.

Two processes run from here. ``api`` (``python -m api``) serves REST and holds database and storage. ``control``
(``python -m api.control``) advances jobs, compares, gates and issues; it alone holds the signing key.

The way of a job through the code: ``jobs/controllers`` → ``jobs/service`` writes the job, its stages and an outbox row →
``control/relay`` publishes → ``control/advance`` asks the pure ``jobs/lifecycle`` what comes next → ``control/dispatch``
hands worker stages over, ``control/stages`` runs the others → ``issuance`` signs.
"""
