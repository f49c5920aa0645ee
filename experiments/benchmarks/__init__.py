"""What `python -m experiments benchmark` measures: speed, its floor, start-up, rows."""
