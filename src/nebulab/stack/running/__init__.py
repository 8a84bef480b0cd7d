"""The processes of a running stack: started, found again and terminated; their state, ports and logs."""
