#!/usr/bin/python3
"""The folders of the source, and which may use which: the table in docs/architecture.md.

usage: ci/rooms.py check        every #include, and every call where build/unit has the objects, goes
                                by the table, and no two files call each other; else status 1
       ci/rooms.py draw         writes docs/architecture.svg, made from the table alone
       ci/rooms.py tcb          what runs with root's privileges; last line: lines of code

A row's last column names the folders that it may use; `*` is all, and `ROOM/*_ipc` what a folder
says to others. A file of init/ itself is the room `main`; of stub/ itself, `stub`, but for its
main.c, the room `launcher`.
"""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/architecture.md"
PICTURE = ROOT / "docs/architecture.svg"
HOST = ("launcher", "commands", "stub")  # the other program, of which init/ uses nothing
ROW = re.compile(r"^\| `(init|stub)/(?:(\w+)/|(main)\.c)?` \|([^|]*)\|([^|]*)\|([^|]*)\|$", re.M)


def table():
    """{room: (runs as, what it is, [the rooms that it may use])}, in the document's order."""
    rooms = {}
    for top, folder, main, runs, what, uses in ROW.findall(DOCUMENT.read_text()):
        rooms[folder or (main and room_of(f"{top}/main.c")) or top] = (runs.strip(), what.strip(), uses.replace(",", " ").split())
    if not rooms:
        sys.exit(f"{DOCUMENT}: the table of folders is not there")
    return rooms


def room_of(path):
    parts = path.split("/")
    if len(parts) > 2:
        return parts[1]
    return "main" if parts[0] == "init" else "launcher" if parts[1:] == ["main.c"] else parts[0]


def may(rooms, source, target):
    a, b = room_of(source), room_of(target)
    if a == b or a not in rooms:
        return a == b
    stem = os.path.splitext(os.path.basename(target))[0]
    return any(use in ("*", b) or (use == f"{b}/*_ipc" and stem.endswith("_ipc")) for use in rooms[a][2])


def sources():
    return sorted(
        str(path.relative_to(ROOT))
        for top in ("init", "stub")
        for path in (ROOT / top).rglob("*.[ch]")
        if "init/libc/" not in str(path.relative_to(ROOT))
    )


def includes():
    """(file, the file that it includes), both below the root."""
    for name in sources():
        for line in re.findall(r'#include "([^"]+)"', (ROOT / name).read_text()):
            target = os.path.normpath(os.path.join(os.path.dirname(name), line))
            if (ROOT / target).exists():
                yield name, target


def calls():
    """{file: {the file whose function or object it names}}, by the objects of the unit tests.

    A name that both programs define is the one of the caller's own program.
    """
    defined, wanted = {}, {}
    for path in sorted((ROOT / "build/unit").glob("*/**/*.o")):
        name = str(path.relative_to(ROOT / "build/unit"))[:-2] + ".c"
        if not (ROOT / name).exists():
            continue
        listing = subprocess.run(["nm", "-g", path], capture_output=True, text=True, check=True).stdout
        for kind, symbol in re.findall(r"^[0-9a-f ]{16} (\w) (\S+)$", listing, re.M):
            if kind == "U":
                wanted.setdefault(name, set()).add(symbol)
            else:
                defined.setdefault(symbol, set()).add(name)
    graph = {}
    for name, symbols in wanted.items():
        graph[name] = set()
        for symbol in symbols:
            targets = defined.get(symbol, set())
            own = {t for t in targets if t.split("/")[0] == name.split("/")[0]}
            graph[name] |= (own or targets) - {name}
    return graph


def circles(graph):
    """The sets of files that can reach each other (Tarjan's components of more than one)."""
    order, low, stack, found = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            part = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(part) > 1:
                found.append(sorted(part))

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return found


def excused():
    """The circles that the document names and gives a reason for: a line that begins with
    `Circle:` and the files."""
    lines = re.findall(r"^Circle: (.*?)\.\s", DOCUMENT.read_text(), re.M)
    return [sorted(re.findall(r"`([^`]+)`", line)) for line in lines]


def check():
    rooms = table()
    wrong = {f"{a} includes {b}" for a, b in includes() if not may(rooms, a, b)}
    wrong |= {f"{room}/: not in the table" for room in map(room_of, sources()) if room not in rooms}
    graph = calls()
    wrong |= {f"{a} calls {b}" for a in graph for b in graph[a] if not may(rooms, a, b)}
    known = excused()
    wrong |= {"a circle: " + " ".join(c) for c in circles(graph) if c not in known}
    for line in sorted(wrong):
        print(f"{line}; docs/architecture.md does not allow it")
    print(f"{len(rooms)} folders, {len(sources())} files, {len(graph)} of them with their calls: {len(wrong)} wrong")
    return 1 if wrong else 0


def used_by(rooms, room):
    """The folders that a row's last column means: `*` is all but those that use this one."""
    uses = rooms[room][2]
    if "*" in uses:
        return [b for b in rooms if b not in (room, *HOST) and room not in rooms[b][2]]
    return [b for b in (use.split("/")[0] for use in uses) if b in rooms]


def depth(rooms, room):
    return 1 + max((depth(rooms, b) for b in used_by(rooms, room)), default=-1)


def drawing(rooms):
    """The table as SVG: a row for each depth, what uses others above what is used."""
    width, height, box = 1160, 110, (134, 54)
    layers = {}
    for room in rooms:
        layers.setdefault(depth(rooms, room), []).append(room)
    top, place = max(layers), {}
    for level, names in layers.items():
        for i, room in enumerate(names):
            place[room] = (width * (i + 1) / (len(names) + 1), 50 + (top - level) * height)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top * height + 100}" '
        'font-family="sans-serif" font-size="14">',
        "<title>Which folder uses which; made by ci/rooms.py draw from the table in architecture.md</title>",
    ]
    for room, (_, _, uses) in rooms.items():
        for use in uses:
            other = use.split("/")[0]
            if other not in place:  # `*`, which the box says
                continue
            (x1, y1), (x2, y2) = place[room], place[other]
            dash = ' stroke-dasharray="4 3"' if use.endswith("_ipc") else ""
            out.append(
                f'<line x1="{x1:.0f}" y1="{y1 + box[1] / 2:.0f}" x2="{x2:.0f}" y2="{y2 - box[1] / 2:.0f}" '
                f'stroke="#888"{dash}/>'
            )
    for room, (x, y) in place.items():
        runs, _, uses = rooms[room]
        name = room if room in ("stub", "main", "launcher") else f"{room}/"
        fill = "#fde8e8" if runs.startswith("root") else "#e8f0fd"
        out.append(
            f'<rect x="{x - box[0] / 2:.0f}" y="{y - box[1] / 2:.0f}" width="{box[0]}" height="{box[1]}" rx="6" '
            f'fill="{fill}" stroke="#444"/>'
            f'<text x="{x:.0f}" y="{y - 4:.0f}" text-anchor="middle" font-weight="bold">{name}</text>'
            f'<text x="{x:.0f}" y="{y + 15:.0f}" text-anchor="middle" font-size="11">{html.escape(runs.replace("`", ""))}'
            f'{", uses all" if "*" in uses else ""}</text>'
        )
    return "\n".join([*out, "</svg>", ""])


def lines_of_code(name):
    text = re.sub(r"/\*.*?\*/", "", (ROOT / name).read_text(), flags=re.S)
    return sum(1 for line in text.splitlines() if line.strip())


def tcb():
    """Every file that PID 1's own calls can reach: the workers' folders are entered as far as
    they are called from outside, which is until they have dropped what they had."""
    rooms, graph = table(), calls()
    workers = {room for room, (runs, _, _) in rooms.items() if runs.startswith("uid")}
    reached, todo = set(), ["init/main.c", "init/boot/boot.c", "init/egress/egress.c"]
    while todo:
        name = todo.pop()
        if name in reached:
            continue
        reached.add(name)
        if room_of(name) not in workers:
            todo += graph.get(name, ())
    if not graph:
        sys.exit("build/unit has no objects: make unit-objects first")
    total = 0
    for room in rooms:
        files = sorted(name for name in reached if room_of(name) == room)
        lines = sum(map(lines_of_code, files))
        total += lines
        if files:
            print(f"{lines:7d}  {room} ({len(files)} files)")
    print(f"{total} lines of code run with privilege")
    return 0


def draw():
    PICTURE.write_text(drawing(table()))
    return 0


COMMANDS = {"check": check, "draw": draw, "tcb": tcb}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    sys.exit(COMMANDS[sys.argv[1]]())
