"""How columns become numbers: learnt from the rows to train on alone, applied to any rows."""
