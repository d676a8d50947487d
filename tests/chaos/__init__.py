"""Chaos: what is lost or repeated while processes are killed and servers fail; `make chaos`."""
