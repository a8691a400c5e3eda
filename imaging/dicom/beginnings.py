"""The first elements of a data set, read plainly: for who needs a few of them from thousands of files."""

from __future__ import annotations

import struct
from collections.abc import Set as AbstractSet

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from imaging.dicom.file import MAGIC, PREAMBLE_BYTES, UNDEFINED_LENGTH

TAG, SHORT, LONG = struct.Struct("<HH"), struct.Struct("<H"), struct.Struct("<L")
META_GROUP, TRANSFER_SYNTAX = 0x0002, 0x00020010
LONG_FORM = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
SHORT_FORM = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
NATIVE = {ExplicitVRLittleEndian.encode(): True, ImplicitVRLittleEndian.encode(): False}
"""What is read here: transfer syntaxes by whether they name value representations."""
COMPRESSED = b"1.2.840.10008.1.2.4."
"""These begin so, or are RLE's, and their elements are as those of Explicit VR Little Endian."""
RLE = b"1.2.840.10008.1.2.5"


def first_values(content: bytes, wanted: AbstractSet[int], last: int) -> dict[int, bytes] | None:
    """The values of those wanted elements, and of the transfer syntax, that come before an element above `last`.

    None for a file that has to be read with more care, whether or not it is a good one: with sequences of undefined length
    among these elements, with another byte order, without transfer syntax, cut off, or not as its transfer syntax has it.
    """
    at = PREAMBLE_BYTES + len(MAGIC)
    if not content.startswith(MAGIC, PREAMBLE_BYTES):
        return None
    found: dict[int, bytes] = {}
    is_explicit, is_meta = True, True
    try:
        while at < len(content):
            group, element = TAG.unpack_from(content, at)
            tag = group << 16 | element
            if is_meta and group != META_GROUP:
                is_meta = False
                syntax = found.get(TRANSFER_SYNTAX, b"").rstrip(b"\0 ")
                if syntax == RLE or syntax.startswith(COMPRESSED):
                    is_explicit = True
                elif (named := NATIVE.get(syntax)) is not None:
                    is_explicit = named
                else:
                    return None
                if content[at + 4 : at + 6].isalpha() != is_explicit:
                    return None
            if tag > last:
                break
            begins, length = _value(content, at + TAG.size, is_explicit)
            if begins is None or length == UNDEFINED_LENGTH or begins + length > len(content):
                return None
            if tag in wanted or tag == TRANSFER_SYNTAX:
                found[tag] = content[begins : begins + length]
            at = begins + length
    except struct.error:
        return None
    return None if is_meta else found


def _value(content: bytes, at: int, is_explicit: bool) -> tuple[int | None, int]:
    """Where an element's value begins, after its tag, and its length."""
    if not is_explicit:
        return at + 4, LONG.unpack_from(content, at)[0]
    kind = content[at : at + 2]
    if kind in SHORT_FORM:
        return at + 4, SHORT.unpack_from(content, at + 2)[0]
    if kind in LONG_FORM:
        return at + 8, LONG.unpack_from(content, at + 4)[0]
    return None, 0
