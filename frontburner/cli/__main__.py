"""Run the command as ``python -m frontburner.cli``."""

from frontburner.cli import main

main()
