"""Leaves marks wherever a function can, or looks for those that another one left."""

import os
import socket
import subprocess
import time

PORT = 39_171
left = None


def abstract(name):
    return "\0weft-mark-" + name


def leave(mark):
    global left
    left = mark
    os.environ["WEFT_MARK"] = mark
    for folder in ("/tmp", "/dev/shm", "/var/tmp", "/run", "/var/task", "/opt", "/home", "/run/lock"):
        try:
            with open(os.path.join(folder, "weft-mark"), "w", encoding="ascii") as file:
                file.write(mark)
        except OSError:
            pass
    for make in (
        lambda: hold(socket.AF_UNIX, abstract("socket")),
        lambda: hold(socket.AF_INET, ("127.0.0.1", PORT)),
        lambda: subprocess.Popen(["/bin/sleep", "3600"], start_new_session=True),
        lambda: os.nice(5),
        lambda: os.umask(0o007),
    ):
        try:
            make()
        except OSError:
            pass


held = []


def hold(family, address):
    server = socket.socket(family)
    held.append(server)
    server.bind(address)
    server.listen()


def look(keeps_tmp, priority):
    """What is to be seen of a mark; with `keeps_tmp` /tmp is the environment's own, and what is there no trace.
    `priority` is what a new sandbox has, the worker's own."""
    seen = []
    if left is not None:
        seen.append("a variable of the program")
    if "WEFT_MARK" in os.environ:
        seen.append("a variable of the environment")
    for folder in ("/tmp", "/dev/shm", "/var/tmp", "/run", "/var/task", "/opt", "/home", "/run/lock"):
        if os.path.exists(os.path.join(folder, "weft-mark")) and not (keeps_tmp and folder == "/tmp"):
            seen.append(f"a file in {folder}")
    if not keeps_tmp and os.listdir(os.environ.get("TMPDIR", "/tmp")):
        seen.append(f"something in /tmp: {os.listdir('/tmp')}")
    for family, address in ((socket.AF_UNIX, abstract("socket")), (socket.AF_INET, ("127.0.0.1", PORT))):
        link = socket.socket(family)
        try:
            link.connect(address)
            seen.append(f"a listener at {address}")
        except OSError:
            pass
        finally:
            link.close()
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in (1, os.getpid()):
            try:
                with open(f"/proc/{name}/cmdline", encoding="ascii", errors="replace") as file:
                    seen.append(f"a process: {file.read()}")
            except OSError:
                pass
    if os.nice(0) != priority:
        seen.append("a priority")
    if keeps_tmp and not os.path.exists("/tmp/weft-mark"):
        seen.append("no /tmp of its own any more")
    return seen


def handler(event, _context):
    if "leave" in event:
        leave(event["leave"])
        if event.get("end") == "timeout":
            time.sleep(3_600)
        if event.get("end") == "crash":
            os._exit(3)
        return "left"
    return look(event.get("keepsTmp", False), event.get("priority", 0))
