"""Statements of the literature as runs that anyone can repeat.

Each study is a function from arguments to a frozen report: all that was measured, and a verdict on the statement.
"""
