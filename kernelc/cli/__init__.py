"""The command line of kernelc. Every import heavier than click waits inside the verb that needs it."""

from kernelc.cli.app import main

__all__ = ["main"]
