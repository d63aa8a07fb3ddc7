"""Chapter 2: how bytes are written and read (WIR-1, WIR-2)."""


class Refused(Exception):
    """What the specification says is refused: the clause broken, and the part that was wrong."""

    def __init__(self, clause, part):
        super().__init__(f"{clause}: {part}")
        self.clause = clause
        self.part = part


# Checks that are switched off, by name. Only the vector maker uses it, to show that a refused case has one fault:
# with that one check off the same bytes are accepted.
OFF = set()


def require(condition, clause, part):
    if not condition and part not in OFF:
        raise Refused(clause, part)


def show_refused(take, clauses, name, alone):
    """Sees `take()` refused for one of these clauses; and, if that is to be its only fault, accepted with that one check off."""
    try:
        take()
    except Refused as e:
        assert e.clause in clauses, (name, e.clause, e.part)
        part = e.part
    else:
        raise AssertionError("accepted: " + name)
    if alone:
        OFF.add(part)
        try:
            take()
        finally:
            OFF.clear()


def u8(n):
    return n.to_bytes(1, "big")


def u16(n):
    return n.to_bytes(2, "big")


def u32(n):
    return n.to_bytes(4, "big")


def u64(n):
    return n.to_bytes(8, "big")


def lp(x):
    return u16(len(x)) + x


class Reader:
    """Reads exactly what is there."""

    def __init__(self, data, clause="WIR-2"):
        self.data = data
        self.at = 0
        self.clause = clause

    def left(self):
        return len(self.data) - self.at

    def take(self, n, part):
        if self.left() < n:
            raise Refused(self.clause, part + " cut short")
        self.at += n
        return self.data[self.at - n : self.at]

    def u8(self, part):
        return self.take(1, part)[0]

    def u16(self, part):
        return int.from_bytes(self.take(2, part), "big")

    def u32(self, part):
        return int.from_bytes(self.take(4, part), "big")

    def u64(self, part):
        return int.from_bytes(self.take(8, part), "big")

    def lp(self, part):
        return self.take(self.u16(part), part)

    def end(self, part):
        require(self.left() == 0, self.clause, part + " goes on")
