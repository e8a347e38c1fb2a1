"""The verdict for all point sets on every sphere: supports of power series by layers, a proof or a witness."""

from kernelc.certificates.structure.certificate import StructuralCertificate, certify_structure, verify_structure

__all__ = ["StructuralCertificate", "certify_structure", "verify_structure"]
