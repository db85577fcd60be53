"""Does for the OCI driver what Node.js cannot: waits for processes that are no children of its own, and acts inside the
namespaces of a sandbox.

One process per worker. Requests and answers are JSON lines over the channel that Node.js opens to its children
(NODE_CHANNEL_FD); every request has an id and gets one answer with it. Requests:

  pipes   {paths}                             makes named pipes
  run     {command, stdout, stderr, pidFile}  starts an OCI runtime that detaches; answers with the sandbox's pid, and
                                              later tells {event: "exit", pid, code, signal}
  signal  {pid, name}                         sends a process that it watches a signal; none when that has ended
  mount   {pid, mark, source, target}         makes a host folder visible in the sandbox, read-only
  listen  {pid, mark, port}                   opens 127.0.0.1:port in the sandbox's network; the socket travels along
  dial    {pid, mark, port}                   connects to 127.0.0.1:port there; the socket travels along, connected or not

`mark` must occur in the cgroup of the process: a pid can have become another process's meanwhile.
"""

import ctypes
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys

libc = ctypes.CDLL(None, use_errno=True)

PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG = 36, 1
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
SYS_OPEN_TREE, SYS_MOVE_MOUNT, SYS_MOUNT_SETATTR = 428, 429, 442
OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC = 1, 0o2000000
AT_FDCWD, AT_EMPTY_PATH = -100, 0x1000
MOVE_MOUNT_F_EMPTY_PATH = 4
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def checked(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


class Channel:
    """The channel to Node.js. Its reads and writes wait; a worker that does not read is a worker that is stuck."""

    def __init__(self):
        self._socket = socket.socket(fileno=int(os.environ.pop("NODE_CHANNEL_FD")))
        self._socket.setblocking(True)
        self._held = b""
        self._requests = []
        self._unacknowledged = 0

    def fileno(self):
        return self._socket.fileno()

    def read(self):
        """The requests that have arrived; None when the worker has gone."""
        if not self._requests and not self._receive():
            return None
        requests, self._requests = self._requests, []
        return requests

    def _receive(self):
        try:
            chunk = self._socket.recv(65536)
        except ConnectionResetError:
            # The worker was killed while something was on its way to it.
            chunk = b""
        *lines, self._held = (self._held + chunk).split(b"\n")
        for message in (json.loads(line) for line in lines if line):
            if "cmd" not in message:
                self._requests.append(message)
            elif message["cmd"] == "NODE_HANDLE_ACK":
                self._unacknowledged -= 1
        return bool(chunk)

    @property
    def waiting(self):
        """Requests have arrived and were not read."""
        return bool(self._requests)

    def send(self, message, handle=None, kind="net.Server"):
        if handle is None:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
            return
        line = json.dumps({"cmd": "NODE_HANDLE", "type": kind, "msg": message}).encode() + b"\n"
        sent = self._socket.sendmsg([line], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", handle.fileno()))])
        self._socket.sendall(line[sent:])
        # Node.js takes one socket with each of its reads: a second one before the first is acknowledged gets lost.
        self._unacknowledged += 1
        while self._unacknowledged > 0 and self._receive():
            pass


def namespace(pid, mark, kind):
    """Opens a namespace of the process, sure to be the one that is meant."""
    fd = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as lines:
            if mark not in lines.read():
                raise ProcessLookupError(f"process {pid} is not the sandbox's")
    except BaseException:
        os.close(fd)
        raise
    return fd


def enter(fd, kind):
    checked(libc.setns(fd, kind), "setns")


def mount(request):
    tree = checked(
        libc.syscall(SYS_OPEN_TREE, AT_FDCWD, request["source"].encode(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC),
        "open_tree",
    )
    try:
        attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, 0, 0)
        checked(
            libc.syscall(SYS_MOUNT_SETATTR, tree, b"", AT_EMPTY_PATH, attributes, len(attributes)), "mount_setattr"
        )
        inside = namespace(request["pid"], request["mark"], "mnt")
        try:
            move(tree, inside, request["target"])
        finally:
            os.close(inside)
    finally:
        os.close(tree)
    return {}


def move(tree, inside, target):
    enter(inside, CLONE_NEWNS)
    try:
        checked(
            libc.syscall(SYS_MOVE_MOUNT, tree, b"", AT_FDCWD, target.encode(), MOVE_MOUNT_F_EMPTY_PATH), "move_mount"
        )
    finally:
        come_home()


def come_home():
    """Back to the worker's mounts and to its root, which need not be theirs."""
    try:
        enter(home_mounts, CLONE_NEWNS)
        os.fchdir(home_root)
        os.chroot(".")
    except OSError as error:
        # In a sandbox's mounts nothing more can be trusted.
        sys.stderr.write(f"the namespace helper cannot leave a sandbox: {error}\n")
        os._exit(1)


home_mounts = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
home_root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
home_network = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def socket_inside(request):
    """A TCP socket of the sandbox's network; what is done with it later stays there."""
    inside = namespace(request["pid"], request["mark"], "net")
    try:
        enter(inside, CLONE_NEWNET)
        try:
            return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        finally:
            enter(home_network, CLONE_NEWNET)
    finally:
        os.close(inside)


def listen(request):
    server = socket_inside(request)
    raise_loopback(server)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", request["port"]))
    server.listen(128)
    return server


def dial(request):
    client = socket_inside(request)
    # Whoever listens may never accept: that is waited for by the worker, not here.
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", request["port"]))
    return client


def raise_loopback(any_socket):
    import fcntl

    answer = fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
    (flags,) = struct.unpack_from("H", answer, 16)
    if not flags & IFF_UP:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


class Helper:
    def __init__(self, channel):
        self._channel = channel
        # OCI runtimes that have not ended yet: pid -> (request id, pid file).
        self._starting = {}
        self._sandboxes = set()
        # Ends of processes that nobody has told of yet: a sandbox can end before its runtime's end was seen.
        self._early = {}

    def handle(self, message):
        try:
            if message["op"] == "run":
                self._run(message)
            elif message["op"] == "pipes":
                for path in message["paths"]:
                    os.mkfifo(path, 0o600)
                self._channel.send({"id": message["id"]})
            elif message["op"] == "signal":
                # Only this process reaps it, so the pid is still its own.
                if message["pid"] in self._sandboxes:
                    os.kill(message["pid"], signal.Signals[message["name"]])
                self._channel.send({"id": message["id"]})
            elif message["op"] == "mount":
                self._channel.send({"id": message["id"], **mount(message)})
            elif message["op"] == "listen":
                server = listen(message)
                # The socket is Node's from here on.
                with server:
                    self._channel.send({"id": message["id"]}, server)
            elif message["op"] == "dial":
                with dial(message) as client:
                    self._channel.send({"id": message["id"]}, client, "net.Socket")
            else:
                raise ValueError(f"unknown request {message['op']}")
        except Exception as error:  # noqa: B902 (whatever fails is the answer)
            self._channel.send({"id": message["id"], "error": str(error) or type(error).__name__})

    def _run(self, message):
        out = os.open(message["stdout"], os.O_WRONLY | os.O_CLOEXEC)
        err = os.open(message["stderr"], os.O_WRONLY | os.O_CLOEXEC)
        try:
            # Its own process group: a signal to the worker's group must not end sandboxes ahead of the worker.
            runtime = subprocess.Popen(
                message["command"], stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )
        finally:
            os.close(out)
            os.close(err)
        # From here on the process is waited for by pid, together with the sandboxes.
        runtime.returncode = 0
        self._starting[runtime.pid] = (message["id"], message["pidFile"])

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._starting:
                self._started(pid, status)
            elif pid in self._sandboxes:
                self._ended(pid, status)
            elif self._starting:
                self._early[pid] = status

    def _ended(self, pid, status):
        self._sandboxes.discard(pid)
        code = os.waitstatus_to_exitcode(status)
        end = {"code": code} if code >= 0 else {"signal": signal.Signals(-code).name}
        self._channel.send({"event": "exit", "pid": pid, **end})

    def _started(self, runtime, status):
        request, pid_file = self._starting.pop(runtime)
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            self._channel.send({"id": request, "error": f"the OCI runtime ended with status {code}"})
            return
        try:
            with open(pid_file, encoding="ascii") as file:
                pid = int(file.read())
        except (OSError, ValueError) as error:
            self._channel.send({"id": request, "error": f"the OCI runtime told no pid: {error}"})
            return
        self._sandboxes.add(pid)
        self._channel.send({"id": request, "pid": pid})
        if pid in self._early:
            self._ended(pid, self._early.pop(pid))
        if not self._starting:
            self._early.clear()


def main():
    channel = Channel()
    checked(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")
    # Without its worker the helper has nobody to answer to.
    checked(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    wake_reader, wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    helper = Helper(channel)
    while True:
        readable, _, _ = select.select([channel, wake_reader], [], [], 0 if channel.waiting else None)
        if wake_reader in readable:
            os.read(wake_reader, 4096)
        helper.reap()
        if channel.waiting or channel in readable:
            messages = channel.read()
            if messages is None:
                sys.exit(0)
            for message in messages:
                helper.handle(message)
            helper.reap()


if __name__ == "__main__":
    main()
