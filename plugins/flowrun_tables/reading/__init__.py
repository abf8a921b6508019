"""Files of tables: text, Parquet, Arrow and JSON lines."""
