"""The Windows way of keeping a key: DPAPI with machine scope, so that the file is worthless on any other computer.

The scope is the machine and not the user, because a service may be given another account without being paired again;
who may open the file is up to the data folder's own rights.
"""

import ctypes
import sys
from ctypes import POINTER, Structure, byref, c_char, c_ulong, c_void_p, cast, create_string_buffer
from typing import Final

LOCAL_MACHINE: Final = 0x4
UI_FORBIDDEN: Final = 0x1
FLAGS: Final = LOCAL_MACHINE | UI_FORBIDDEN
"""CRYPTPROTECT_LOCAL_MACHINE, and never a question to somebody at the screen: a service has none."""


class _Blob(Structure):
    """DATA_BLOB of wincrypt.h."""

    _fields_ = (("length", c_ulong), ("content", POINTER(c_char)))


def protect(plain: bytes, purpose: bytes) -> bytes:
    """What only this computer can open again; `OSError` if the system refuses.

    `purpose` goes in as entropy, so that no other program's blob is taken for ours, nor one of ours for another.
    """
    return _call("CryptProtectData", plain, purpose)


def unprotect(sealed: bytes, purpose: bytes) -> bytes:
    """What `protect` was given, on the computer that gave it; `OSError` for anything else."""
    return _call("CryptUnprotectData", sealed, purpose)


def _blob(content: bytes) -> _Blob:
    return _Blob(len(content), cast(create_string_buffer(content, len(content)), POINTER(c_char)))


if sys.platform == "win32":

    def _call(name: str, content: bytes, purpose: bytes) -> bytes:
        crypt32 = ctypes.WinDLL("crypt32", use_last_error=True)
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        function = getattr(crypt32, name)
        blob = POINTER(_Blob)
        # Both take: in, description (a pointer to one for unprotecting), entropy, reserved, prompt, flags, out.
        function.argtypes = (blob, c_void_p, blob, c_void_p, c_void_p, c_ulong, blob)
        function.restype = ctypes.c_int
        kernel32.LocalFree.argtypes = (c_void_p,)
        found = _Blob()
        if not function(byref(_blob(content)), None, byref(_blob(purpose)), None, None, FLAGS, byref(found)):
            raise OSError(ctypes.get_last_error(), f"{name} failed")
        try:
            return ctypes.string_at(found.content, found.length)
        finally:
            kernel32.LocalFree(cast(found.content, c_void_p))

else:

    def _call(name: str, content: bytes, purpose: bytes) -> bytes:
        raise OSError(f"{name} is a part of Windows: {len(content)} bytes stay as they are, {purpose!r} too")
