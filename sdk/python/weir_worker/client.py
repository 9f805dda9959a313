"""The former name of the client's part of `weir`."""

from weir._client import *
