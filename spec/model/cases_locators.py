"""locators.json"""

import names as n
from rng import rand
from wire import Refused

SPEC = ["NAM-7", "NAM-8", "NAM-9"]


def make():
    vats = [n.SigningKey.from_seed(rand(f"locators vat {i}")).public for i in range(2)]
    d = n.to_text("vat", vats[0])
    d2 = n.to_text("vat", vats[1])
    base = f"ocapn://{d}.mix"
    swiss = n.encode_swissnum(rand("locators swissnum"))
    sref = f"{base}/s/{swiss}"
    cases = []

    def good(name, text, canonical=None, clauses=("NAM-7",)):
        locator = n.parse_locator(text)
        out = locator.text()
        assert out == (text if canonical is None else canonical), (out, canonical)
        assert n.parse_locator(out).text() == out
        cases.append(
            {
                "kind": "valid",
                "name": name,
                "clauses": list(clauses),
                "input": text,
                "canonical": out,
                "designator": n.to_text("vat", locator.vat),
                "vat": locator.vat.hex(),
                "transport": locator.transport,
                "swissnum": None if locator.swissnum is None else locator.swissnum.hex(),
                "hints": [[k, locator.hints[k]] for k in sorted(locator.hints)],
                "place": locator.place,
            }
        )

    at = ("NAM-7", "NAM-8")
    good("locator", base)
    good("locator, onion", f"ocapn://{d}.onion")
    good("sturdyref", sref)
    good("scheme in upper case", f"OCAPN://{d}.mix", base)
    good("designator in upper case", f"ocapn://{d.upper()}.mix", base)
    good("designator in both cases", f"ocapn://{d[:20].upper()}{d[20:]}.mix", base)
    good("transport in upper case", f"ocapn://{d}.ONION", f"ocapn://{d}.onion")
    good("everything in upper case that may be", f"OcApN://{d.upper()}.MIX/s/{swiss}", sref)
    for size in (1, 2, 3, 32, 63, 64):
        good(f"swissnum of {size} bytes", f"{base}/s/{n.encode_swissnum(rand(f'locators swissnum {size}', size))}")
    good("swissnum of zeros", f"{base}/s/{n.encode_swissnum(bytes(16))}")
    good("swissnum with - and _", f"{base}/s/-_-_", None)
    good("at: IPv4", f"{base}?at=192.0.2.7:4433", None, at)
    good("at: IPv4, extreme ports", f"{base}?at=0.0.0.0:1", None, at)
    good("at: port 65535", f"{base}?at=255.255.255.255:65535", None, at)
    good("at: IPv6", f"{base}?at=[2001:db8::1]:4433", None, at)
    good("at: IPv6, all zeros", f"{base}?at=[::]:1", None, at)
    good("at: IPv6, no zeros", f"{base}?at=[2001:db8:1:2:3:4:5:6]:80", None, at)
    good("at: IPv6, one zero group stays", f"{base}?at=[2001:db8:0:1:1:1:1:1]:80", None, at)
    good("at: IPv6, the first of two equal runs", f"{base}?at=[2001:db8::1:0:0:1]:80", None, at)
    good("at: DNS name", f"{base}?at=vat.example:4433", None, at)
    good("at: DNS name of one label", f"{base}?at=localhost:4433", None, at)
    good("at: DNS name with digits and hyphens", f"{base}?at=xn--4ca.3com.7-of-9.example:4433", None, at)
    long_name = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert len(long_name) == 253
    good("at: DNS name of 253 characters", f"{base}?at={long_name}:9", None, at)
    good("at: percent-encoded", f"{base}?at=%5b2001%3Adb8::1%5D%3a4433", f"{base}?at=[2001:db8::1]:4433", at)
    good("sturdyref with at", f"{sref}?at=192.0.2.7:4433", None, at)
    good("hints out of order", f"{sref}?z=1&at=192.0.2.7:4433&b=2", f"{sref}?at=192.0.2.7:4433&b=2&z=1", at)
    good("order is that of bytes", f"{base}?ab=1&a=2&a0=3&a-=4", f"{base}?a=2&a-=4&a0=3&ab=1")
    good("empty value", f"{base}?a=")
    good("unknown hints, all plain characters", f"{base}?x=ABCXYZabcxyz0189-._~:/[]")
    good("encoding that was not needed", f"{base}?x=%41%7e%2F", f"{base}?x=A~/")
    good("lower case hexadecimal digits", f"{base}?x=%c3%a9", f"{base}?x=%C3%A9")
    good("characters that must be encoded", f"{base}?x=%20%21%23%25%26%2B%2C%3D%3F%40%5C%7C")
    good("UTF-8 of 2, 3 and 4 bytes", f"{base}?x=%C2%A0%E2%82%AC%F0%9F%9C%81")
    good("value of 255 bytes", f"{base}?x={'v' * 255}")
    good("value of 255 bytes, all encoded", f"{base}?x={'%C3%A9' * 127}%20")
    good("hint name of 32 characters", f"{base}?{'n' * 32}=1")
    good("hint name of one character", f"{base}?n=1")
    good("16 hints", f"{base}?" + "&".join(f"h{chr(97 + i)}={i}" for i in range(16)))

    fill = f"{base}?" + "&".join(f"h{chr(97 + i)}={'v' * 255}" for i in range(7))
    last = 2048 - len(fill) - 4
    assert 0 < last <= 255
    good("2048 characters", f"{fill}&hh={'v' * last}")

    def bad(name, text, field, clauses=("NAM-7",), also=()):
        try:
            n.parse_locator(text)
        except Refused as e:
            assert e.part == field and e.clause in clauses, (name, e.part, field)
        else:
            raise AssertionError(name)
        assert field in n.FIELDS and all(x in n.FIELDS for x in also)
        cases.append(
            {
                "kind": "malformed",
                "name": name,
                "clauses": list(clauses),
                "input": text,
                "field": field,
                **({"or": list(also)} if also else {}),
            }
        )

    bad("2049 characters", f"{fill}&hh={'v' * (last + 1)}", "length")
    bad("not ASCII in a value", f"{base}?x=\u00e9", "character", also=["hint value"])
    bad("not ASCII in the designator", f"ocapn://{d[:-1]}\u0131.mix", "character", also=["designator"])
    bad("not ASCII behind the transport", f"{base}\u200b", "character", also=["transport"])
    bad("another scheme", f"http://{d}.mix", "scheme")
    bad("scheme with one letter more", f"ocapns://{d}.mix", "scheme")
    bad("no scheme", f"{d}.mix", "scheme")
    bad("no slashes", f"ocapn:{d}.mix", "scheme")
    bad("one slash", f"ocapn:/{d}.mix", "scheme")
    bad("a space before", f" {base}", "scheme")
    bad("designator of 55 characters", f"ocapn://{d[1:]}.mix", "designator")
    bad("designator of 57 characters", f"ocapn://{d}a.mix", "designator")
    bad("no designator", "ocapn://.mix", "designator")
    bad("designator with a wrong checksum", f"ocapn://{n.raw_text(vats[0] + bytes([0, 0, 3]))}.mix", "designator")
    bad("designator with another alphabet", f"ocapn://{d[:9]}1{d[10:]}.mix", "designator")
    bad("designator is a RelayId", f"ocapn://{n.to_text('relay', vats[0])}.mix", "designator")
    bad("designator percent-encoded", f"ocapn://%{ord(d[0]):02X}{d[1:]}.mix", "designator")
    bad("a user", f"ocapn://user@{d}.mix", "designator", also=["character"])
    bad("an empty user", f"ocapn://@{d}.mix", "designator", also=["character"])
    bad("another transport", f"ocapn://{d}.tcp", "transport")
    bad("an empty transport", f"ocapn://{d}.", "transport")
    bad("no transport", f"ocapn://{d}", "transport")
    bad("transport with one letter more", f"ocapn://{d}.mixx", "transport")
    bad("a dot behind the transport", f"ocapn://{d}.mix.", "transport", also=["designator"])
    bad("a port", f"ocapn://{d}.mix:4433", "transport", also=["character"])
    bad("an empty port", f"ocapn://{d}.mix:", "transport", also=["character"])
    bad("a fragment behind the transport", f"{base}#x", "transport", also=["character"])
    bad("a line feed behind the transport", f"{base}\n", "transport", also=["character"])
    bad("an empty path", f"{base}/", "path")
    bad("another path", f"{base}/t/{swiss}", "path")
    bad("path in upper case", f"{base}/S/{swiss}", "path")
    bad("path without swissnum", f"{base}/s", "path", also=["swissnum"])
    bad("two slashes", f"{base}//s/{swiss}", "path")
    bad("path longer before", f"{base}/a/s/{swiss}", "path")
    bad("an empty swissnum", f"{base}/s/", "swissnum")
    bad("swissnum of 65 bytes", f"{base}/s/{n.encode_swissnum(rand('locators swissnum 65', 65))}", "swissnum")
    bad("swissnum with unused bits, one byte", f"{base}/s/AB", "swissnum")
    bad("swissnum with unused bits, two bytes", f"{base}/s/AAB", "swissnum")
    bad("swissnum of one character", f"{base}/s/A", "swissnum")
    bad("swissnum of five characters", f"{base}/s/AAAAA", "swissnum")
    bad("swissnum with padding", f"{base}/s/AA==", "swissnum")
    bad("swissnum with +", f"{base}/s/AA+A", "swissnum")
    bad("swissnum percent-encoded", f"{base}/s/%41AAA", "swissnum")
    bad("a slash behind the swissnum", f"{base}/s/AAAA/", "swissnum", also=["path"])
    bad("another segment behind the swissnum", f"{base}/s/AAAA/AAAA", "swissnum", also=["path"])
    bad("a fragment behind the swissnum", f"{base}/s/AAAA#x", "swissnum", also=["character"])
    bad("an empty query", f"{base}?", "hints")
    bad("an empty query behind a swissnum", f"{sref}?", "hints")
    bad("17 hints", f"{base}?" + "&".join(f"h{chr(97 + i)}={i}" for i in range(17)), "hints")
    bad("an ampersand at the end", f"{base}?a=1&", "hints", also=["hint name"])
    bad("two ampersands", f"{base}?a=1&&b=2", "hints", also=["hint name"])
    bad("a hint without value", f"{base}?a", "hints", also=["hint value", "hint name"])
    bad("an empty hint name", f"{base}?=1", "hint name")
    bad("hint name of 33 characters", f"{base}?{'n' * 33}=1", "hint name")
    bad("hint name with an upper case letter", f"{base}?At=1", "hint name")
    bad("hint name that starts with a digit", f"{base}?1a=1", "hint name")
    bad("hint name that starts with a hyphen", f"{base}?-a=1", "hint name")
    bad("hint name with an underscore", f"{base}?a_b=1", "hint name")
    bad("hint name percent-encoded", f"{base}?%61=1", "hint name")
    bad("value of 256 bytes", f"{base}?x={'v' * 256}", "hint value")
    bad("value of 256 bytes, encoded", f"{base}?x={'%C3%A9' * 128}", "hint value")
    bad("percent sign alone", f"{base}?x=%", "hint value")
    bad("one digit behind the percent sign", f"{base}?x=%4", "hint value")
    bad("no digits behind the percent sign", f"{base}?x=%zz", "hint value")
    for ch, what in (
        (" ", "space"),
        ("+", "plus"),
        ("=", "equals sign"),
        ("?", "question mark"),
        ("@", "at sign"),
        ("!", "exclamation mark"),
        ('"', "quote"),
        ("\t", "tab"),
        ("\x7f", "delete"),
        ("#", "fragment"),
    ):
        bad(f"unencoded {what} in a value", f"{base}?x=a{ch}b", "hint value", also=["character"])
    bad("encoded zero byte", f"{base}?x=%00", "hint value")
    bad("encoded line feed", f"{base}?x=a%0Ab", "hint value")
    bad("encoded delete", f"{base}?x=%7F", "hint value")
    bad("encoded control character of two bytes", f"{base}?x=%C2%85", "hint value")
    bad("not UTF-8", f"{base}?x=%FF", "hint value")
    bad("UTF-8 cut short", f"{base}?x=%C3", "hint value")
    bad("UTF-8, longer than need be", f"{base}?x=%C1%81", "hint value")
    bad("UTF-8, half a surrogate pair", f"{base}?x=%ED%A0%80", "hint value")
    bad("a hint twice", f"{base}?a=1&b=2&a=3", "hint repeated")
    bad("a hint twice with one value", f"{base}?a=1&a=1", "hint repeated")
    for name, value in (
        ("empty", ""),
        ("no port", "192.0.2.7"),
        ("an empty port", "192.0.2.7:"),
        ("port 0", "192.0.2.7:0"),
        ("port 65536", "192.0.2.7:65536"),
        ("port with a leading zero", "192.0.2.7:080"),
        ("port that is no number", "192.0.2.7:http"),
        ("port with a sign", "192.0.2.7:%2B80"),
        ("port with a space", "192.0.2.7:%2080"),
        ("two ports", "192.0.2.7:80:80"),
        ("no host", ":80"),
        ("IPv4 with a leading zero", "192.0.2.07:80"),
        ("IPv4 with a number too large", "192.0.2.256:80"),
        ("IPv4 with three numbers", "192.0.2:80"),
        ("IPv4 with five numbers", "192.0.2.7.1:80"),
        ("IPv4 in brackets", "[192.0.2.7]:80"),
        ("IPv6 without brackets", "2001:db8::1:80"),
        ("IPv6 with half the brackets", "[2001:db8::1:80"),
        ("IPv6 in upper case", "[2001:DB8::1]:80"),
        ("IPv6 with leading zeros", "[2001:0db8::1]:80"),
        ("IPv6 not shortened", "[2001:db8:0:0:0:0:0:1]:80"),
        ("IPv6, the shorter run shortened", "[2001::1:0:0:0:1]:80"),
        ("IPv6, the second of two equal runs", "[2001:db8:0:0:1::1]:80"),
        ("IPv6, one group shortened", "[2001:db8::1:1:1:1:1]:80"),
        ("IPv6 with a zone", "[fe80::1%25eth0]:80"),
        ("IPv4 mapped into IPv6", "[::ffff:192.0.2.7]:80"),
        ("IPv4 mapped into IPv6, in hexadecimal", "[::ffff:c000:207]:80"),
        ("IPv6 without port", "[2001:db8::1]"),
        ("empty brackets", "[]:80"),
        ("IPv4 as one hexadecimal number", "0x7f000001:80"),
        ("DNS name that ends in a number", "vat.0x7f:80"),
        ("DNS name in upper case", "Vat.example:80"),
        ("DNS name with an empty label", "vat..example:80"),
        ("DNS name that ends with a dot", "vat.example.:80"),
        ("DNS name that starts with a dot", ".vat.example:80"),
        ("DNS label of 64 characters", "a" * 64 + ".example:80"),
        ("DNS label that starts with a hyphen", "-vat.example:80"),
        ("DNS label that ends with a hyphen", "vat-.example:80"),
        ("DNS name with a slash", "vat/example:80"),
        ("DNS name with a space", "vat%20example:80"),
        ("DNS name that is not ASCII", "v%C3%A4t.example:80"),
    ):
        bad(f"at: {name}", f"{base}?at={value}", "at", ("NAM-8",))

    def pair(name, a, b, result):
        assert n.parse_locator(a).equals(n.parse_locator(b)) == result
        cases.append({"kind": "equal", "name": "equal: " + name, "clauses": ["NAM-9"], "a": a, "b": b, "equal": result})

    pair("case is nothing", base, f"OCAPN://{d.upper()}.MIX", True)
    pair("hints take no part", base, f"{base}?at=192.0.2.7:4433&x=1", True)
    pair("hints take no part in sturdyrefs", f"{sref}?x=1", f"{sref}?x=2", True)
    pair("another designator", base, f"ocapn://{d2}.mix", False)
    pair("another transport", base, f"ocapn://{d}.onion", False)
    pair("another swissnum", sref, f"{base}/s/{n.encode_swissnum(rand('locators swissnum 32'))}", False)
    pair("another designator, one swissnum", sref, f"ocapn://{d2}.mix/s/{swiss}", False)
    return {
        "comment": "Locators and sturdyrefs: read, written, refused, compared.",
        "spec": SPEC,
        "cases": cases,
    }
