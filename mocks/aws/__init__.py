"""The AWS side: credentials, verification of signatures, and the endpoints that serve credentials."""

from .container import ContainerCredentials
from .credential import AwsCredential
from .imds import InstanceMetadata
from .signature import SignatureError, SignatureJudge
from .sts import Role, SecurityTokenService
from .verifier import SigV4Verifier

__all__ = [
    "AwsCredential",
    "ContainerCredentials",
    "InstanceMetadata",
    "Role",
    "SecurityTokenService",
    "SigV4Verifier",
    "SignatureError",
    "SignatureJudge",
]
