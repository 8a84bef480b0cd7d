"""What Galaxy is to find among its own plug-ins for job metrics."""
