"""What stands in the tables, and what two writers at once make of it."""
