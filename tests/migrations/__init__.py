"""The tables: made, upgraded and dropped."""
