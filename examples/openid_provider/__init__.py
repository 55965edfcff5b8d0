"""A complete OpenID Provider on FastAPI, with two tenants."""
