"""The steps of tables, a file each."""

from flowrun_tables.steps.read_table import read_table
from flowrun_tables.steps.select import select
from flowrun_tables.steps.split_rows import split_rows

STEPS = (read_table, select, split_rows)
