"""What there is to compute on, and what of it is free: from Slurm, from GPU exporters, from this machine or a file."""
