"""GPU figures of jobs: a plug-in for Galaxy's job metrics, and the sampler that it starts beside each job."""
