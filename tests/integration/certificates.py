"""A certificate authority for tests, and servers' TLS contexts by it."""

import datetime
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

DAY = datetime.timedelta(days=1)


class CertificateAuthority:
    """Its own certificate and all that it issues are written into `directory`."""

    def __init__(self, directory, name):
        self.directory = directory
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.bundle = directory / f"{name}.pem"
        self.bundle.write_bytes(self._certificate(self._name, self._key, x509.BasicConstraints(True, None)))

    def context(self, *names, protocols=()):
        """A server's context with a certificate for these hosts; the SNI of each client is added to its `seen`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
        file = self.directory / f"{len(list(self.directory.iterdir()))}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(private + self._certificate(subject, key, alternative_names(names)))
        context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        context.seen = []
        context.sni_callback = lambda _, name, context: context.seen.append(name)
        if protocols:
            context.set_alpn_protocols(protocols)
        return context

    def _certificate(self, subject, key, extension):
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
        builder = (
            builder.not_valid_before(now - DAY).not_valid_after(now + DAY).add_extension(extension, critical=False)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)


class ServerContext(ssl.SSLContext):
    """A context with room for what it has seen."""

    seen: list


def alternative_names(names):
    """Addresses as addresses, all others as DNS names."""
    return x509.SubjectAlternativeName([_alternative_name(name) for name in names])


def _alternative_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
