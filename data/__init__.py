"""The data catalogue and the simulated stand-ins, installed as the package `flowrun_data`."""
