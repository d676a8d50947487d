"""Kinds of clouds behind one contract: plain values in and out, no database."""
