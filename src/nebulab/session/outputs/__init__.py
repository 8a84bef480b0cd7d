"""What Galaxy collects: found, named, linked, listed, and brought home where Galaxy has lost the job."""
