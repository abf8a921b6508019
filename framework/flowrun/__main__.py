"""`python -m flowrun`."""

from flowrun.cli.start import main

main()
