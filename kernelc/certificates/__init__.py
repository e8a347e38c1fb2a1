"""Positive-definiteness on the sphere: proved or refuted, with a certificate that can be checked again."""
