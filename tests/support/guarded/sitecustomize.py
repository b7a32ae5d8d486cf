"""Imported by every Python process that has this folder on its path, before anything else.

Writes every attempt to reach the network, and every program started, into the file that
``IVIF_BENCH_GUARD`` names, and refuses the attempts. An audit hook sees them below any library, and
also where the library swallows the error.
"""

import os
import sys
import traceback

_LOG = os.environ.get("IVIF_BENCH_GUARD")
# What asks for a name or sends to an address; a socket that is only made reaches nobody.
_NETWORK = {
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyaddr",
    "socket.gethostbyname",
    "socket.getnameinfo",
    "socket.sendmsg",
    "socket.sendto",
}
_PROGRAMS = {"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"}


def _watch(event: str, arguments: tuple) -> None:
    if event in _NETWORK and not _stays_here(event, arguments):
        _write("network", event, arguments)
        raise OSError(f"{event} is not allowed here: {arguments!r}")
    if event in _PROGRAMS:
        _write("program", event, arguments)


def _stays_here(event: str, arguments: tuple) -> bool:
    """Whether it goes to a process of this machine: to a file, or to the other end of a pair."""
    if event not in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        return False
    family = getattr(arguments[0].family, "name", "")
    return family == "AF_UNIX" or isinstance(arguments[1], (str, bytes))


def _write(kind: str, event: str, arguments: tuple) -> None:
    stack = [frame for frame in traceback.extract_stack() if frame.filename != __file__]
    where = " < ".join(
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack[-8:][::-1]
    )
    line = f"{kind}\t{event} {arguments!r}\t{where}".replace("\n", " ")
    with open(_LOG, "a", encoding="utf-8") as log:  # noqa: PTH123 - nothing else is loaded yet
        log.write(line + "\n")


if _LOG:
    sys.addaudithook(_watch)
