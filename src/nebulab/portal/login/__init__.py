"""Logins by a provider of OpenID Connect, for a portal that has no part in Galaxy's own; runs beside Galaxy."""
