"""`python -m labwright`: the same as the console script."""

from __future__ import annotations

from labwright.cli.main import main

if __name__ == "__main__":
    main()
