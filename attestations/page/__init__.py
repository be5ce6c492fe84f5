"""The verifier as one static file, for whoever has a browser and nothing else: `/verify`, `tuneproof page OUT.html`.

`src/` holds plain ES modules, a style sheet and the frame of the page; `python -m attestations.page` assembles them into
`verify.html`, which is committed and travels in the wheel. The page holds to the same argument as `attestations.verify`,
step by step, and must never accept what that refuses; tests run both on the same evidence.
"""
