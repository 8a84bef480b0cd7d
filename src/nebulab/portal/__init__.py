"""The portal: people apply for GPUs, administrators decide, Galaxy's roles follow; runs beside Galaxy."""
