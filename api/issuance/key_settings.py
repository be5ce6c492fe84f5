"""How a setting names a signing key. Pure text; nothing is opened here.

    /secure/issuer.pem   file:/secure/issuer.pem                          an encrypted or plain PKCS#8 file
    pkcs11:token=tuneproof;object=issuer?module-path=/usr/lib/hsm.so      a key in a token, RFC 7512
    awskms:alias/issuer  awskms:arn:aws:kms:eu-west-1:1234:key/abcd       a key in AWS KMS

Of RFC 7512 the attributes `token`, `serial`, `object`, `id` and `type=private` are read, and `module-path` and
`pin-source=file:…` of the query. `pin-value` is refused: a PIN does not belong into text that people copy and programs show.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

from api.issuance.errors import SigningKeyError

_SCHEME = re.compile(r"([a-z][a-z0-9]+):(.*)", re.DOTALL)
_KMS_ARN = re.compile(r"arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]+:(?:key|alias)/.+")
_PATH_ATTRIBUTES = frozenset({"token", "serial", "object", "id", "type"})
_QUERY_ATTRIBUTES = frozenset({"module-path", "pin-source"})


@dataclass(frozen=True, slots=True)
class FileKey:
    path: Path


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A private key in a PKCS#11 token: the token by label or serial number, the key by label or id."""

    token: str | None
    serial: str | None
    object: str | None
    id: bytes | None
    module: Path | None
    pin_file: Path | None


@dataclass(frozen=True, slots=True)
class KmsKey:
    """A key id, alias or ARN; the region is that of an ARN, else boto3's own."""

    id: str
    region: str | None


KeySetting = FileKey | TokenKey | KmsKey


def parse(setting: str) -> KeySetting:
    """Raises ``SigningKeyError`` for text that names no key."""
    found = _SCHEME.fullmatch(setting)
    if found is None:
        return FileKey(_path(setting, "the path of the signing key"))
    scheme, rest = found.groups()
    if scheme == "file":
        return FileKey(_path(rest.removeprefix("//"), "file:"))
    if scheme == "pkcs11":
        return _token_key(rest)
    if scheme == "awskms":
        return _kms_key(rest)
    raise SigningKeyError(f"a signing key is a path, file:, pkcs11: or awskms:, not {scheme}:")


def beside(setting: str, role: str) -> Path | None:
    """Where the file of another role's key lies by default: `issuer.status.pem` beside `issuer.pem`."""
    key = parse(setting)
    return key.path.with_suffix(f".{role}{key.path.suffix}") if isinstance(key, FileKey) else None


def _path(text: str, what: str) -> Path:
    if not text or "\0" in text:
        raise SigningKeyError(f"{what} is empty or no path")
    return Path(text)


def _kms_key(rest: str) -> KmsKey:
    if not re.fullmatch(r"[A-Za-z0-9:/_-]{1,2048}", rest):
        raise SigningKeyError("awskms: names a key id, an alias (alias/NAME) or an ARN")
    arn = _KMS_ARN.fullmatch(rest)
    if rest.startswith("arn:") and arn is None:
        raise SigningKeyError("awskms: the ARN is not that of a key or alias in KMS")
    return KmsKey(rest, arn[1] if arn is not None else None)


def _token_key(rest: str) -> TokenKey:
    path, _, query = rest.partition("?")
    named = _attributes(path, ";", _PATH_ATTRIBUTES)
    asked = _attributes(query, "&", _QUERY_ATTRIBUTES)
    if named.get("type", "private") != "private":
        raise SigningKeyError("pkcs11: type must be private, as this key signs")
    if not {"token", "serial"} & set(named) or not {"object", "id"} & set(named):
        raise SigningKeyError("pkcs11: name the token (token= or serial=) and the key (object= or id=)")
    pin_source = asked.get("pin-source")
    return TokenKey(
        token=_text(named, "token"),
        serial=_text(named, "serial"),
        object=_text(named, "object"),
        id=unquote_to_bytes(named["id"]) if "id" in named else None,
        module=_path(unquote(asked["module-path"]), "module-path") if "module-path" in asked else None,
        pin_file=_pin_file(unquote(pin_source)) if pin_source is not None else None,
    )


def _pin_file(source: str) -> Path:
    if source.startswith("|"):
        raise SigningKeyError("pkcs11: pin-source names a file; programs are not run")
    return _path(source.removeprefix("file:").removeprefix("//"), "pin-source")


def _text(attributes: dict[str, str], name: str) -> str | None:
    return unquote(attributes[name]) if name in attributes else None


def _attributes(text: str, separator: str, known: frozenset[str]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for part in text.split(separator) if text else ():
        name, equals, value = part.partition("=")
        if name == "pin-value":
            raise SigningKeyError("pkcs11: give the PIN in TUNEPROOF_PKCS11_PIN or by pin-source, never as pin-value")
        if name not in known or not equals or not value:
            raise SigningKeyError(f"pkcs11: the attribute {name[:40]!a} is not known or has no value")
        if name in attributes:
            raise SigningKeyError(f"pkcs11: the attribute {name} is given twice")
        attributes[name] = value
    return attributes
