"""Durations as OpenIddict writes them in the settings of a client."""

from datetime import timedelta


def time_span(seconds: int) -> str:
    """Return a duration as `d.hh:mm:ss`, without days as `hh:mm:ss`."""
    span = timedelta(seconds=seconds)
    minutes, second = divmod(span.seconds, 60)
    clock = f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"
    return f"{span.days}.{clock}" if span.days else clock
