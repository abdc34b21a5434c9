"""AES-128 for QUIC's Initial packets: encryption of one block, and decryption with GCM.

The keys of an Initial are derived from data in the packet that everybody can see. There is no secret to protect, so the
fallback in Python need not run in constant time.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import sys
from typing import Protocol

from netwatch_tray.errors import ParseError

TAG_SIZE = 16
_USUAL_SIZE = 2048
"""Size in bytes of the buffer for decrypted text. An Initial is smaller than a packet of the network."""
_WORDS = struct.Struct(">4I")
_WRONG_TAG = "The tag of a sealed packet is wrong."


class Aes(Protocol):
    """An implementation of AES-128. Keys have 16 bytes, nonces 12."""

    def encrypt_block(self, key: bytes, block: bytes) -> bytes: ...

    def open(self, key: bytes, nonce: bytes, header: bytes, sealed: bytes) -> bytes:
        """Decrypt `sealed`, which ends with the authentication tag, by AES-128-GCM. `header`: authenticated, but not
        encrypted. Raise ParseError if the tag is wrong."""


@functools.cache
def implementation() -> Aes:
    """Return OpenSSL's AES if the library can be loaded, otherwise the one written in Python, which takes 20 times as
    long. Use it in one thread only.
    """
    for library in _libraries():
        try:
            return LibCrypto(ctypes.CDLL(library))
        except (OSError, AttributeError):
            continue
    return PythonAes()


def _libraries() -> list[str]:
    """Return the files in which to look for libcrypto: first the extension module of hashlib, through which it is
    loaded already, then the system's libraries."""
    own = getattr(sys.modules.get("_hashlib"), "__file__", None)
    return [*([own] if own else []), "libcrypto.so.3", "libcrypto.so.1.1"]


class LibCrypto:
    """AES by OpenSSL's libcrypto 1.1 or later, called through ctypes."""

    _SET_TAG = 0x11
    """EVP_CTRL_AEAD_SET_TAG."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """Look up the functions in the library. Raise AttributeError if it lacks one."""
        pointer = ctypes.c_void_p
        self._init, self._encrypt = library.EVP_CipherInit_ex, library.EVP_CipherUpdate
        self._control, self._final = library.EVP_CIPHER_CTX_ctrl, library.EVP_CipherFinal_ex
        self._init.argtypes = [pointer, pointer, pointer, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
        self._encrypt.argtypes = [pointer, ctypes.c_char_p, pointer, ctypes.c_char_p, ctypes.c_int]
        self._control.argtypes = [pointer, ctypes.c_int, ctypes.c_int, ctypes.c_char_p]
        self._final.argtypes = [pointer, ctypes.c_char_p, pointer]
        # To find a cipher takes OpenSSL 3 longer than to use it, so each has a context for good.
        self._ecb = self._context(library, "EVP_aes_128_ecb", encrypts=1)
        self._gcm = self._context(library, "EVP_aes_128_gcm", encrypts=0)
        self._size = ctypes.c_int()
        self._written = ctypes.byref(self._size)
        self._text = ctypes.create_string_buffer(_USUAL_SIZE)

    def _context(self, library: ctypes.CDLL, cipher: str, *, encrypts: int) -> ctypes.c_void_p:
        """Return an OpenSSL context set up for a cipher; each use only has to set the key."""
        pointer = ctypes.c_void_p
        found, made = getattr(library, cipher), library.EVP_CIPHER_CTX_new
        found.restype = made.restype = pointer
        context = pointer(made())
        self._init(context, found(), None, None, None, encrypts)
        return context

    def encrypt_block(self, key: bytes, block: bytes) -> bytes:
        self._init(self._ecb, None, None, key, None, 1)
        self._encrypt(self._ecb, self._text, self._written, block, 16)
        return ctypes.string_at(self._text, 16)

    def open(self, key: bytes, nonce: bytes, header: bytes, sealed: bytes) -> bytes:
        size = len(sealed) - TAG_SIZE
        if size < 0:
            raise ParseError(_WRONG_TAG)
        if size + 16 > len(self._text):
            self._text = ctypes.create_string_buffer(size + 16)
        context, text, written = self._gcm, self._text, self._written
        self._init(context, None, None, key, nonce, 0)
        self._encrypt(context, None, written, header, len(header))
        self._encrypt(context, text, written, sealed, size)
        self._control(context, self._SET_TAG, TAG_SIZE, sealed[size:])
        if self._final(context, text, written) != 1:
            raise ParseError(_WRONG_TAG)
        return ctypes.string_at(text, size)


def _tables() -> tuple[bytes, tuple[list[int], ...]]:
    """Return the S-box and, for each row of the state, a table with what a byte adds to its column (FIPS 197, 5.1)."""
    power, logarithm, value = [0] * 255, [0] * 256, 1
    for exponent in range(255):
        power[exponent], logarithm[value] = value, exponent
        value = (value ^ value << 1 ^ (0x11B if value & 0x80 else 0)) & 0xFF
    box = bytearray()
    for each in range(256):
        inverse = power[-logarithm[each] % 255] if each else 0
        turned = inverse * 0x101  # two copies, so that a shift is a rotation
        box.append((0x63 ^ inverse ^ turned >> 7 ^ turned >> 6 ^ turned >> 5 ^ turned >> 4) & 0xFF)
    columns = []
    for each in box:
        double = each << 1 ^ (0x11B if each & 0x80 else 0)
        columns.append(double << 24 | each << 16 | each << 8 | double ^ each)
    return bytes(box), tuple(
        [(each >> 8 * row | each << 32 - 8 * row) & 0xFFFFFFFF for each in columns] for row in range(4)
    )


class PythonAes:
    """AES-128 and GCM in Python, for systems without libcrypto."""

    def __init__(self) -> None:
        self._box, self._rows = _tables()

    def encrypt_block(self, key: bytes, block: bytes) -> bytes:
        return self._encrypt(self._schedule(key), block)

    def open(self, key: bytes, nonce: bytes, header: bytes, sealed: bytes) -> bytes:
        if len(sealed) < TAG_SIZE:
            raise ParseError(_WRONG_TAG)
        schedule, encrypted = self._schedule(key), sealed[:-TAG_SIZE]
        blocks = range(1, 2 + (len(encrypted) + 15) // 16)
        stream = b"".join([self._encrypt(schedule, nonce + number.to_bytes(4, "big")) for number in blocks])
        sum_key = self._encrypt(schedule, bytes(16))
        lengths = (8 * len(header)).to_bytes(8, "big") + (8 * len(encrypted)).to_bytes(8, "big")
        tag = _ghash(sum_key, _padded(header) + _padded(encrypted) + lengths)
        if _xor(tag, stream[:16]) != sealed[-TAG_SIZE:]:
            raise ParseError(_WRONG_TAG)
        return _xor(encrypted, stream[16 : 16 + len(encrypted)])

    def _schedule(self, key: bytes) -> list[int]:
        """Return the key schedule: 44 words derived from the key (FIPS 197, 5.2)."""
        words, box, constant = list(_WORDS.unpack(key)), self._box, 1
        for at in range(4, 44):
            word = words[-1]
            if at % 4 == 0:
                word = (
                    (box[word >> 16 & 0xFF] ^ constant) << 24
                    | box[word >> 8 & 0xFF] << 16
                    | box[word & 0xFF] << 8
                    | box[word >> 24]
                )
                constant = constant << 1 ^ (0x11B if constant & 0x80 else 0)
            words.append(words[-4] ^ word)
        return words

    def _encrypt(self, schedule: list[int], block: bytes) -> bytes:
        first, second, third, fourth = self._rows
        box = self._box
        a, b, c, d = _WORDS.unpack(block)
        a, b, c, d = a ^ schedule[0], b ^ schedule[1], c ^ schedule[2], d ^ schedule[3]
        for at in range(4, 40, 4):
            a, b, c, d = (
                first[a >> 24] ^ second[b >> 16 & 0xFF] ^ third[c >> 8 & 0xFF] ^ fourth[d & 0xFF] ^ schedule[at],
                first[b >> 24] ^ second[c >> 16 & 0xFF] ^ third[d >> 8 & 0xFF] ^ fourth[a & 0xFF] ^ schedule[at + 1],
                first[c >> 24] ^ second[d >> 16 & 0xFF] ^ third[a >> 8 & 0xFF] ^ fourth[b & 0xFF] ^ schedule[at + 2],
                first[d >> 24] ^ second[a >> 16 & 0xFF] ^ third[b >> 8 & 0xFF] ^ fourth[c & 0xFF] ^ schedule[at + 3],
            )
        # The last round substitutes and shifts, but mixes no columns.
        return _WORDS.pack(
            (box[a >> 24] << 24 | box[b >> 16 & 0xFF] << 16 | box[c >> 8 & 0xFF] << 8 | box[d & 0xFF]) ^ schedule[40],
            (box[b >> 24] << 24 | box[c >> 16 & 0xFF] << 16 | box[d >> 8 & 0xFF] << 8 | box[a & 0xFF]) ^ schedule[41],
            (box[c >> 24] << 24 | box[d >> 16 & 0xFF] << 16 | box[a >> 8 & 0xFF] << 8 | box[b & 0xFF]) ^ schedule[42],
            (box[d >> 24] << 24 | box[a >> 16 & 0xFF] << 16 | box[b >> 8 & 0xFF] << 8 | box[c & 0xFF]) ^ schedule[43],
        )


def _ghash(key: bytes, data: bytes) -> bytes:
    """Return GHASH of the data, of which the authentication tag is made (NIST SP 800-38D, 6.4). The length of `data` is
    a multiple of 16.

    A polynomial is an integer with one byte for each of its 128 coefficients. The product of two such integers has in
    each byte the sum of at most 128 products of coefficients, so its lowest bit is the coefficient of the product.
    """
    low = (1 << 1024) - 1
    factor, total = _spread(key), 0
    ones = int.from_bytes(b"\1" * 256, "big")
    for at in range(0, len(data), 16):
        product = (total ^ _spread(data[at : at + 16])) * factor & ones
        for _ in range(2):  # x^128 is x^7 + x^2 + x + 1
            high = product >> 1024
            product = (product & low) ^ high ^ high << 8 ^ high << 16 ^ high << 56
        total = product
    bits = total.to_bytes(128, "little").translate(_DIGITS)
    return int(bits, 2).to_bytes(16, "big")


_DIGITS = bytes(0x30 | each & 1 for each in range(256))
"""Translation table: the lowest bit of each byte becomes the digit `0` or `1`."""


def _spread(block: bytes) -> int:
    """Return a block of 16 bytes as a polynomial in the form that `_ghash` describes; its first bit is the coefficient
    of x^0."""
    digits = f"{int.from_bytes(block, 'big'):0128b}".encode()
    return int.from_bytes(digits, "little") & _ONES


_ONES = int.from_bytes(b"\1" * 128, "big")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")
