"""What can go wrong with keys: what an operator set up wrongly, or a device that does not answer."""


class SigningKeyError(Exception):
    """A key cannot be used; the message names it and the remedy, and quotes no secret."""


class TrustChangeError(SigningKeyError):
    """The folder of trust roots is not as it must be, or the change asked for is not possible."""


class KeyNotBelievedError(SigningKeyError):
    """The newest trust root does not believe the key now, so it signs nothing."""
