"""The GPU side: vets datasets, evaluates, tunes.

A worker runs strangers' data and models, so it holds nothing worth stealing: no database, no signing key, only
short-lived grants to the objects of the one run it was handed. ``contract`` says what crosses the queue and ``catalog``
what this deployment offers; the control plane imports those two modules and nothing else of this package.
"""
