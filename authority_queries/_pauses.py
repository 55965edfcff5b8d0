"""Waiting without a connection, in both forms."""

import asyncio
import time

__all__ = ["pause", "pause_async"]

pause = time.sleep
pause_async = asyncio.sleep
