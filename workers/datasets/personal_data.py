"""Find what looks like personal data in text: e-mail addresses, telephone numbers, payment cards.

These are indications for a warning, not proof and not a filter: the patterns prefer missing one to marking order numbers,
dates and prices. All are linear in the length of the text. Called by screening.
"""

from __future__ import annotations

import re

_EMAIL = re.compile(r"[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
_NUMBER = re.compile(r"(?<![\w.+-])(\+?\(?\d(?:[ .()/-]{0,2}\d){8,18})(?![\w-])")
_MIN_PHONE, _MAX_PHONE = 9, 15
_MIN_CARD, _MAX_CARD = 13, 19
_RESERVED_DOMAINS = ("example.com", "example.org", "example.net")
"""Kept for examples by RFC 2606, so an address there is nobody's."""


def kinds(text: str) -> set[str]:
    """Which of ``email``, ``phone`` and ``card`` the text seems to hold."""
    found = set()
    if any(not _is_reserved(match.group()) for match in _EMAIL.finditer(text)):
        found.add("email")
    for match in _NUMBER.finditer(text):
        written = match.group(1)
        digits = re.sub(r"\D", "", written)
        if _MIN_CARD <= len(digits) <= _MAX_CARD and _passes_luhn(digits) and len(set(digits)) > 1:
            found.add("card")
        elif _looks_dialled(written, digits):
            found.add("phone")
    return found


def _looks_dialled(written: str, digits: str) -> bool:
    """International (+), national with a leading zero and separators, or North American 3-3-4."""
    if not _MIN_PHONE <= len(digits) <= _MAX_PHONE:
        return False
    if written.startswith("+"):
        return True
    separated = len(written) > len(digits)
    if digits.startswith("0"):
        return separated or len(digits) in (10, 11)
    return re.fullmatch(r"\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}", written) is not None


def _passes_luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    total = 0
    for place, letter in enumerate(reversed(digits)):
        value = int(letter) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_reserved(address: str) -> bool:
    domain = address.rpartition("@")[2].lower()
    return domain.endswith((".test", ".example", ".invalid")) or any(
        domain == reserved or domain.endswith(f".{reserved}") for reserved in _RESERVED_DOMAINS
    )
