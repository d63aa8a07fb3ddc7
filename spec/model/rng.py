"""Where the vectors take their random bytes from: SHA-256(label, counter), block after block."""

import hashlib


def rand(label, n=32):
    out, counter = b"", 0
    while len(out) < n:
        out += hashlib.sha256(label.encode("utf-8") + counter.to_bytes(8, "big")).digest()
        counter += 1
    return out[:n]
