"""The cheats of the threat model, carried out: one entry for each, with the code under which the verifier names it.

`docs/threats.md` shows the tables; `tests.attestations.test_attacks_03` carries them out and holds the page to them.
"""
