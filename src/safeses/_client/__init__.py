"""
The client: what it sends, and what it can be asked.
"""

from safeses._client._client import Client

__all__ = ["Client"]
