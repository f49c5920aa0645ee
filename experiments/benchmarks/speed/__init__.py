"""The speed benchmark: what trains, who else trains it, how fast the machine could, and who was measured when."""
