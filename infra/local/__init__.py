"""The whole stack on one machine: ``python -m infra.local serve`` and ``python -m infra.local demo``.

``layout`` says where things lie and what each process may know, ``supervisor`` keeps the processes running, ``stack`` brings
them up, ``demo`` is a customer with the plain ``openai`` SDK.
"""
