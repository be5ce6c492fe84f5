"""`python -m attestations` is `tuneproof`."""

import sys

from attestations.cli import main

if __name__ == "__main__":
    sys.exit(main())
