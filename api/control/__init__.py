"""The control process: the only one that moves jobs and the only one that holds the signing key.

``relay`` publishes the outbox, ``messages`` applies what workers say, ``advance`` takes the next step of a job, ``sweeper``
finds what was lost. They share a ``Control`` and act through short transactions; the network is never touched inside one.
"""
