"""Each contender in a file of its own, written as its documentation recommends, in its best form.

`prepare(problem, option)` brings the data into the contender's own types and compiles what can be
compiled beforehand; what it returns trains once, from the first parameters, whenever called.
"""
