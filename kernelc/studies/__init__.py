"""Statements of the literature as runs that anyone can repeat."""
