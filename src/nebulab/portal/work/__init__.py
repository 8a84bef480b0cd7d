"""What the portal does by itself: mails, memberships in Galaxy's groups, expiry, and the comparison with Galaxy."""
