"""The worker: pure Python, without the native engine. `weir.worker` is its public face."""
