"""The verdict for given data: bounds on the least eigenvalue of the exact kernel matrix, all rounding accounted for."""

from kernelc.certificates.data.certificate import DataCertificate, certify_data, verify_data

__all__ = ["DataCertificate", "certify_data", "verify_data"]
