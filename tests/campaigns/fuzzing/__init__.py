"""What a stranger may have written, made up by a fuzzer that follows the coverage of the code.

Each module has targets: a function that reads bytes as flowrun does, and small seeds. `make fuzz`
runs all of them with atheris, `python -m tests.campaigns.fuzzing recipe --seconds 60` one. `make
test` reads the seeds, and each input that was a finding, in plain Python.
"""
