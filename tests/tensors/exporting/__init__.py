"""`flowrun export`: scripts are run where flowrun is not, and held to runs bit for bit."""
