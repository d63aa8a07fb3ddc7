"""pacing.json: places and ids of circuits, records and batches of links, when batches are played, steps."""

import links as l
import pacing as p
from rng import rand
from wire import OFF, Refused, u32

SPEC = ["ONI-2", "PAC-3", "PAC-4", "PAC-5", "PAC-6", "PAC-8"]


def case(kind, name, *clauses, **fields):
    return {"kind": kind, "name": name, "clauses": list(clauses), **fields}


# --- PAC-3, PAC-5 --------------------------------------------------------------------------------------------------


def places():
    for class_ in p.CLASSES:
        number = p.CLASSES.index(class_)
        for first in (1, 2, 1023, 70_000, 2**31 - 16):
            batches, next_ = [], 0
            for tick in range(max(first - 2, 1), first + 10):
                indices = p.indices_in(class_, first, tick)
                assert indices == list(range(next_, next_ + len(indices)))
                next_ += len(indices)
                batches.append({"tick": tick, "indices": indices})
            name = f"{class_}, the first cell in tick {first}"
            yield case("places", name, "PAC-3", "PAC-5", **{"class": number, "word": class_}, first=first, batches=batches)
        late = [1023, 1024, 4 * 1024 + 1, 70_000]
        batches = [{"tick": tick, "indices": p.indices_in(class_, 1, tick)} for tick in late]
        fields = {"class": number, "word": class_, "first": 1, "batches": batches}
        yield case("places", f"{class_}, long after its first cell", "PAC-3", "PAC-5", **fields)


def ids():
    half = l.HALF
    for class_ in p.CLASSES:
        number = p.CLASSES.index(class_)
        found = [x + number for k in (1, 2, 77, 2**29 - 1) for x in (4 * k, half + 4 * k)]
        assert all(p.class_of(id_) == class_ and id_ <= l.ID_MOST for id_ in found)
        yield case("class of ids", f"ids of class {class_}", "PAC-3", **{"class": number}, ids=found)
    for side in ("dialler", "accepter"):
        for name, classes in (
            *((f"four of class {class_}", [class_] * 4) for class_ in range(4)),
            ("rising classes", [0, 1, 2, 3]),
            ("falling classes", [3, 2, 1, 0, 3]),
        ):
            yield case("gives", f"{side}: {name}", "PAC-3", side=side, classes=classes)


# --- PAC-4 ---------------------------------------------------------------------------------------------------------


def cells(label, ids):
    return [(id_, rand(f"pacing {label} {i}", l.CELL)) for i, id_ in enumerate(ids)]


def records():
    for name, tick, last, ids in (
        ("the only one of its batch", 1, True, [5]),
        ("one that others follow", 1, False, [5]),
        ("the last of a batch", 77, True, [0, 2**31, 2**32 - 1]),
        ("the greatest tick", 2**31 - 1, True, [0]),
        ("the greatest tick, others follow", 2**31 - 1, False, [0]),
        ("31 cells", 2**30, False, range(4, 35)),
    ):
        found = cells(name, ids)
        plain = p.encode_record(tick, last, found)
        assert p.read_record(plain) == (tick, last, found)
        shown = [{"id": id_, "cell": cell.hex()} for id_, cell in found]
        yield case("record", name, "PAC-4", "ONI-2", plain=plain.hex(), tick=tick, last=last, cells=shown)
    [(_, one)] = cells("refused", [4])
    whole = p.encode_record(9, True, [(4, one)])
    for name, plain, clause in (
        ("no byte", b"", "PAC-4"),
        ("a tick cut short", whole[:3], "PAC-4"),
        ("tick 0", bytes(4) + whole[4:], "PAC-4"),
        ("tick 0, the last of its batch", u32(2**31) + whole[4:], "PAC-4"),
        ("a tick alone", whole[:4], "ONI-2"),
        ("a tick and an id", whole[:8], "ONI-2"),
        ("a cell cut short", whole[:-1], "ONI-2"),
        ("a byte behind the cell", whole + b"\0", "ONI-2"),
        ("32 cells", whole[:4] + whole[4:] * 32, "ONI-2"),
    ):
        try:
            p.read_record(plain)
        except Refused as e:
            assert e.clause == clause, name
        else:
            raise AssertionError(name)
        yield case("record refused", name, "PAC-4", "ONI-2", plain=plain.hex())


def said(tick, last, count, times=1):
    return {"tick": tick, "last": last, "cells": count, "times": times}


def hear(batches, record):
    """Every record of an entry is the same; what the last of them completes."""
    for _ in range(record["times"]):
        done = batches.record(record["tick"], record["last"], record["cells"])
    return done


def batches():
    whole = lambda tick, count=1: said(tick, True, count)
    most = [said(1, False, 31, 528), whole(1, 16)]
    for name, records in (
        ("one of one record", [whole(1)]),
        ("one of three records", [said(1, False, 31, 2), whole(1, 2)]),
        ("three", [whole(1, 8), whole(2, 8), said(3, False, 4), whole(3, 4)]),
        ("two left out", [whole(1), whole(4), whole(5)]),
        ("as many left out as may be", [whole(1), whole(1201), whole(2401)]),
        ("the most cells", [*most, whole(2)]),
        ("the most records", [said(1, False, 1, 528), whole(1, 1)]),
    ):
        found, state = [], p.Batches()
        for record in records:
            done = hear(state, record)
            shown = done and dict(zip(("tick", "skipped", "cells"), done))
            found.append(record | {"complete": shown})
        yield case("batches", "batches: " + name, "PAC-4", records=found)
    for name, before, refused in (
        ("the first tick is 2", [], whole(2)),
        ("the same tick again", [whole(1)], whole(1)),
        ("a record behind the last of its batch", [said(1, False, 31), whole(1)], said(1, False, 1)),
        ("a tick that falls", [whole(1), whole(3)], whole(2)),
        ("a tick that rises by 1201", [whole(1)], whole(1202)),
        ("a tick that rises by 1201, later", [whole(1), whole(600)], whole(1801)),
        ("the next batch before the end of one", [whole(1), said(2, False, 31)], whole(3)),
        ("an earlier batch within one", [whole(1), said(2, False, 31)], whole(1)),
        ("a cell too many", [said(1, False, 31, 528)], whole(1, 17)),
        ("a cell too many, and no end", [said(1, False, 31, 528)], said(1, False, 17)),
        ("a record too many", [said(1, False, 1, 529)], whole(1)),
    ):
        state = p.Batches()
        for record in before:
            hear(state, record)
        try:
            hear(state, refused)
        except Refused as e:
            assert e.clause == "PAC-4"
            part = e.part
        else:
            raise AssertionError(name)
        # The fault is the only one.
        state = p.Batches()
        for record in before:
            hear(state, record)
        OFF.add(part)
        hear(state, refused)
        OFF.clear()
        yield case("batches refused", "batches: " + name, "PAC-4", before=before, refused=refused)


# --- PAC-6 ---------------------------------------------------------------------------------------------------------


def plays():
    for jitter in (1, 2, 3, 16):
        for name, heard, opens in (
            ("one batch a quantum", [(t, t + 40) for t in range(1, 8)], 0),
            ("the first circuit opens later", [(t, t + 40) for t in range(1, 8)], 4),
            ("the earliest came before the circuit", [(1, 9), (2, 9), (3, 11), (4, 12), (5, 13)], 2),
            ("the earliest is the one with the circuit", [(1, 9), (2, 10), (3, 10), (4, 11), (5, 13)], 2),
            ("one that comes earlier than all before changes nothing", [(1, 9), (2, 10), (3, 10), (4, 10), (5, 13)], 1),
            ("the later they come the later", [(t, 100 + t + t // 2) for t in range(1, 48, 3)], 1),
            ("the last moment, and beyond it", [(1, 5), (2, 6 + jitter - 1), (3, 7 + jitter), (4, 8 + jitter - 1)], 0),
            ("some are left out", [(1, 50), (7, 56), (9, 58), (1000, 1049 + jitter - 1), (1001, 1050 + jitter)], 0),
            ("two at once", [(1, 7), (2, 9), (3, 9), (4, 11), (5, 11)], 1),
            ("the receiver has made nothing yet", [(1, 1), (2, 1), (3, 2), (4, 4 + jitter - 1), (5, 5 + jitter)], 0),
        ):
            state, found = p.Plays(jitter), []
            for at, (tick, next_) in enumerate(heard):
                played = state.batch(tick, next_, at == opens)
                found.append({"tick": tick, "next": next_, "opens": at == opens, "played": played})
            yield case("plays", f"jitter {jitter}: {name}", "PAC-6", jitter=jitter, batches=found)


# --- PAC-8 ---------------------------------------------------------------------------------------------------------


def steps():
    for slots in (1, 2, 3, 4, 5, 8, 63, 64):
        found = {class_: p.client_step(slots, class_) for class_ in p.CLASSES}
        yield case("client steps", f"{slots} slots", "PAC-8", slots=slots, steps=found)
    for name, epoch, padding, series in (
        ("nothing ever", 4, True, [(t, 0, None) for t in range(1, 14)]),
        ("32 fit the least step, 33 do not", 5, True, [(t, 32 if t < 8 else 33, None) for t in range(1, 17)]),
        ("as many as there is room for", 6, True, [(t, 64, None) for t in range(1, 14)]),
        ("a peak within an epoch", 10, True, [(t, 50 if t in (3, 13) else 1, None) for t in range(1, 42)]),
        ("a peak at a change", 10, True, [(t, 60 if t in (10, 20) else 1, None) for t in range(1, 42)]),
        ("who finds no room is counted", 8, True, [(t, 64, 80 if t == 5 else None) for t in range(1, 26)]),
        ("a change that is left out", 8, True, [(t, 40, None) for t in range(1, 20) if t not in (8, 9)]),
        ("the most", 3, True, [(t, 64 if t < 4 else 16_384, 16_384 if t == 2 else None) for t in range(1, 14)]),
        ("every quantum", 1, True, [(t, c, None) for t, c in enumerate((1, 40, 64, 100, 3, 3, 0, 60), 1)]),
        ("no padding", 4, False, [(t, c, None) for t, c in enumerate((1, 0, 7, 300, 16_384, 0, 0, 2, 1), 1)]),
    ):
        state, found = p.Step(epoch, padding), []
        for tick, count, wanted in series:
            if wanted is not None:
                state.wants(wanted)
            step = state.batch(tick, count)
            assert step >= count, (name, tick)
            found.append({"tick": tick, "cells": count, "wanted": wanted, "step": step})
        fields = {"epoch": epoch, "padding": padding, "batches": found}
        yield case("steps", f"between relays: {name}", "PAC-8", **fields)


def make():
    out = [*places(), *ids(), *records(), *batches(), *plays(), *steps()]
    return {"comment": "Places, batches, plays and steps.", "spec": SPEC, "cases": out}
