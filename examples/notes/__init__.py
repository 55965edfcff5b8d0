"""A web application, an API and a device that use the issuer of openid_provider."""
