"""The steps of tables, a file each."""

from flowrun_tables.steps.apply_encoding import apply_encoding
from flowrun_tables.steps.decode import decode
from flowrun_tables.steps.encode import encode
from flowrun_tables.steps.read_table import read_table
from flowrun_tables.steps.select import select
from flowrun_tables.steps.split_rows import split_rows
from flowrun_tables.steps.write_table import write_table

STEPS = (read_table, select, split_rows, encode, apply_encoding, decode, write_table)
