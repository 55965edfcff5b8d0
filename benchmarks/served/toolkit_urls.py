"""The URLs of django-oauth-toolkit, which Django reads after its setup."""

from django.urls import include, path

urlpatterns = [path("", include("oauth2_provider.urls"))]
