"""The processes of a running stack: started, found again and ended; their state, ports and logs."""
