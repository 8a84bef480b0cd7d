"""The outputs that Galaxy collects: scanned, named, hard-linked, listed, and recovered if Galaxy loses the job."""
