"""One file per question; each is arms, figures and claims, and nothing else."""
