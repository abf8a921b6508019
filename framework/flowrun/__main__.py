"""`python -m flowrun`."""

from flowrun.start import main

main()
