"""What codex-sandbox itself does to the file system, as strace sees it: the engine's own calls, and
those of the processes that only ask it a question, are left out from their execve on."""

import re
import subprocess

from conftest import PATIENCE
from stub_project import STUB

# Everything that opens, makes, changes, moves or removes something by name or by descriptor.
CALLS = (
    "open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,link,linkat,symlink,symlinkat,"
    "rename,renameat,renameat2,unlink,unlinkat,rmdir,chmod,fchmod,fchmodat,chown,lchown,fchown,"
    "fchownat,truncate,ftruncate,write,pwrite64,writev,utimensat,setxattr,fsetxattr,mount,"
    "execve,execveat,socket,connect,ptrace"
)
LINE = re.compile(r"^(?P<pid>\d+) +(?P<call>\w+)\((?P<text>.*)\) += (?P<result>-?\d+)(?P<rest>.*)$")
OPENS = ("open", "openat", "openat2", "creat")


class Call:
    def __init__(self, match):
        self.pid, self.name = match["pid"], match["call"]
        self.text, self.rest = match["text"], match["rest"]
        self.result = int(match["result"])
        self.good = self.result >= 0

    @property
    def place(self):
        """The path that a descriptor, the one opened or the first argument, leads to."""
        found = re.match(r"<(.*)>$", self.rest) if self.name in OPENS else None
        found = found or re.match(r"-?\w+<(.*?)>[,)]?", self.text)
        return found[1] if found else None

    @property
    def strings(self):
        return re.findall(r'"((?:[^"\\]|\\.)*)"', self.text)

    @property
    def writes(self):
        """Does it make or change anything?"""
        if self.name in OPENS:
            return bool(re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)", self.text))
        return self.name not in ("execve", "execveat", "socket", "connect", "ptrace")

    def __repr__(self):
        return f"{self.name}({self.text}) = {self.result}{self.rest}"


def whole(lines):
    """strace's lines, with those put together that another process's came between."""
    begun = {}
    for line in lines:
        pid = line.split(" ", 1)[0]
        if line.endswith(" <unfinished ...>"):
            begun[pid] = line.removesuffix(" <unfinished ...>")
        elif pid in begun and (rest := re.match(r"\d+ +<\.\.\. \w+ resumed>(.*)", line)):
            yield begun.pop(pid) + rest[1]
        else:
            yield line


def traced(project, *arguments, env=None, **more):
    """Starts the launcher under strace. Returns the finished process, its own calls, and the
    programs that were executed, the launcher first."""
    trace = project.root / "trace"
    environment = {
        "HOME": str(project.home),
        "PATH": str(project.bin),
        "ENGINE_LOG": str(project.log),
        **(env or {}),
    }
    done = subprocess.run(
        ["/usr/bin/strace", "-f", "-y", "-qq", "-s", "4096", "-e", f"trace={CALLS}",
         "-e", "signal=none", "-o", trace, STUB, *map(str, arguments)],
        env=environment,
        cwd=more.pop("cwd", project.work),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        **more,
    )
    calls, programs, engines = [], [], set()
    for line in whole(trace.read_text(errors="surrogateescape").splitlines()):
        match = LINE.match(line)
        if not match or match["pid"] in engines:
            continue
        call = Call(match)
        if call.name in ("execve", "execveat") and call.good:
            programs.append(call.strings[0])
            if len(programs) > 1:
                engines.add(call.pid)
        calls.append(call)
    trace.unlink()
    assert programs[0] == str(STUB), calls
    return done, calls, programs
