"""Tries to get out of a sandbox. Each attempt is a function below whose docstring says what it tries; it returns what it
got at, or None (or an OSError) where the wall held. Runs as a Lambda handler, or as a program that prints its findings.
"""

import ctypes
import errno
import json
import os
import resource
import socket
import stat
import subprocess
import sys
import threading

libc = ctypes.CDLL(None, use_errno=True)
attempts = []

SYSCALLS = {
    # x86_64, aarch64
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "keyctl": (250, 219), "add_key": (248, 217), "kexec_load": (246, 104), "init_module": (175, 105),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "open_tree": (428, 428), "fsopen": (430, 430),
    "setns": (308, 268), "unshare": (272, 97), "chroot": (161, 51), "pivot_root": (155, 41), "mount": (165, 40),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "pidfd_getfd": (438, 438), "syslog": (103, 116),
    "reboot": (169, 142), "sethostname": (170, 161), "settimeofday": (164, 170), "swapon": (167, 224),
    "quotactl": (179, 60), "acct": (163, 89), "clone3": (435, 435), "shmget": (29, 194), "mq_open": (240, 180),
    "fanotify_init": (300, 262), "move_mount": (429, 429), "memfd_secret": (447, 447),
}


def attempt(function):
    attempts.append(function)
    return function


def call(name, *arguments):
    """A system call by number; raises OSError as os functions do."""
    number = SYSCALLS[name][0 if os.uname().machine == "x86_64" else 1]
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def status(key):
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(line.split(":")[1].strip() for line in lines if line.startswith(key + ":"))


def writable(path):
    """Whether something can be made in the folder, or the file be changed."""
    try:
        if os.path.isdir(path):
            mark = os.path.join(path, "wall-mark")
            os.close(os.open(mark, os.O_CREAT | os.O_WRONLY))
            os.unlink(mark)
        else:
            os.close(os.open(path, os.O_WRONLY))
        return True
    except OSError:
        return False


def readable(path):
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        return True
    except OSError:
        return False


@attempt
def privileges(_):
    """capabilities, root, a way to gain privileges"""
    if status("CapEff").strip("0") or status("CapBnd").strip("0") or status("CapPrm").strip("0"):
        return f"capabilities {status('CapEff')} of {status('CapBnd')}"
    if os.getuid() == 0 or os.geteuid() == 0:
        return "root"
    if status("NoNewPrivs") != "1":
        return "programs may gain privileges"
    if os.getgroups() and 0 in os.getgroups():
        return "the group of root"


@attempt
def filter_of_system_calls(_):
    """a process without a system call filter"""
    if status("Seccomp") != "2":
        return "no filter"


@attempt
def become_root(_):
    """setuid and setgid"""
    for change in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0])):
        try:
            change()
            return "another user"
        except OSError:
            pass


def denied(name, *arguments, allowed=()):
    """An attempt that one system call is: it must be refused outright, not for its arguments."""

    def try_it(_):
        try:
            call(name, *arguments)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.ENOSYS, errno.EACCES, *allowed):
                return None
            return f"{name} is reached: {error.strerror}"
        return f"{name} succeeded"

    try_it.__name__ = name
    try_it.__doc__ = f"the system call {name}"
    return attempt(try_it)


NULL = ctypes.c_char_p(None)
denied("bpf", 0, NULL, 0)
denied("perf_event_open", NULL, 0, -1, -1, 0)
denied("userfaultfd", 0)
denied("io_uring_setup", 1, NULL)
denied("keyctl", 0, -3, 1)
denied("add_key", b"user", b"wall", b"x", 1, -3)
denied("kexec_load", 0, 0, NULL, 0)
denied("init_module", NULL, 0, b"")
denied("open_by_handle_at", -1, NULL, 0)
denied("open_tree", -100, b"/", 1)
denied("fsopen", b"tmpfs", 0)
denied("setns", -1, 0)
denied("unshare", 0x10000000)
denied("chroot", b"/tmp")
denied("pivot_root", b"/tmp", b"/tmp")
denied("mount", b"none", b"/tmp", b"tmpfs", 0, NULL)
denied("ptrace", 16, 1, NULL, NULL)
denied("process_vm_readv", 1, NULL, 0, NULL, 0, 0)
denied("pidfd_getfd", -1, 0, 0)
denied("syslog", 3, NULL, 0)
denied("reboot", 0, 0, 0, NULL)
denied("sethostname", b"x", 1)
denied("settimeofday", NULL, NULL)
denied("swapon", b"/tmp/x", 0)
denied("acct", NULL)
denied("clone3", NULL, 0)
denied("shmget", 1234, 4096, 0o1666)
denied("mq_open", b"wall", 0o102, 0o666, NULL)
denied("fanotify_init", 0, 0)
denied("move_mount", -1, NULL, -1, NULL, 0)
denied("memfd_secret", 0)


@attempt
def new_user_namespace(_):
    """clone with each namespace flag"""
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        pid = libc.syscall(56 if os.uname().machine == "x86_64" else 220, flag | 17, 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        if pid > 0:
            os.waitpid(pid, 0)
            return f"a namespace by {flag:#x}"


@attempt
def families_of_sockets(_):
    """raw, packet, netlink of others, vsock, kernel crypto, XDP and Bluetooth sockets"""
    kinds = [(2, 3, 1), (10, 3, 58), (17, 3, 3), (17, 2, 3), (38, 5, 0), (40, 1, 0), (44, 3, 0), (31, 3, 1), (15, 3, 2)]
    for family, kind, protocol in kinds:
        try:
            socket.socket(family, kind, protocol).close()
            return f"a socket of family {family}, type {kind}"
        except OSError:
            pass


@attempt
def ports_of_the_host(event):
    """ports that the host listens at, on loopback and on its other addresses, and metadata addresses"""
    hosts = ["127.0.0.1", "::1", "169.254.169.254", "169.254.170.2", "172.17.0.1", *event.get("addresses", [])]
    for host in hosts:
        for port in event.get("ports", []) or [80]:
            try:
                socket.create_connection((host, port), 0.2).close()
                return f"{host}:{port}"
            except OSError:
                pass


@attempt
def sockets_of_the_host(event):
    """unix sockets of the host, by name in files and in the abstract space"""
    for path in ["/var/run/docker.sock", "/run/docker.sock", "/run/systemd/private", *event.get("sockets", [])]:
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect(path)
            return path
        except OSError:
            pass
        finally:
            link.close()


@attempt
def interfaces(_):
    """network interfaces beside loopback"""
    names = [name for _, name in socket.if_nameindex() if name != "lo"]
    # Without a driver loaded the kernel shows tunnels in every namespace; they are down and belong to it.
    names = [name for name in names if not name.startswith(("sit", "tunl", "ip6tnl", "gre", "erspan", "ip_vti", "ip6"))]
    if names:
        return f"interfaces {names}"


@attempt
def other_processes(_):
    """processes of others: seeing, reading, signalling them"""
    mine = {os.getpid(), os.getppid(), 1}
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in mine:
            continue
        try:
            with open(f"/proc/{name}/cmdline", encoding="utf-8", errors="replace") as file:
                command = file.read()
            return f"process {name}: {command[:60]}"
        except OSError:
            pass


@attempt
def links_of_the_first_process(_):
    """root and working folder of the first process, when that is another's"""
    try:
        root = os.stat("/proc/1/root/")
        if (root.st_dev, root.st_ino) != (os.stat("/").st_dev, os.stat("/").st_ino):
            return "another root"
    except OSError:
        pass


@attempt
def descriptors(event):
    """descriptors that somebody forgot to close"""
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        # Output goes into named pipes of the host, which can be written to and not opened again.
        if name in "012" and stat.S_ISFIFO(os.fstat(int(name)).st_mode) and not readable(f"/proc/self/fd/{name}"):
            continue
        # Pipes and the socket are the sandbox's own; a folder is what lists this very one.
        if target.startswith(("pipe:", "socket:", "/dev/null", "anon_inode:[event", "/proc/", *event.get("own", []))):
            continue
        return f"{name} -> {target}"


@attempt
def system_files(_):
    """writing to the system, the code, the runtime, the layers, the sockets' folder"""
    for path in ("/", "/usr", "/usr/bin", "/etc", "/etc/passwd", "/var", "/var/task", "/var/runtime", "/opt", "/run",
                 "/run/weft", "/home", "/root", "/dev", "/sys", "/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory",
                 "/proc/sysrq-trigger", "/sys/kernel/mm", "/sys/power/state", "/dev/mqueue"):
        if writable(path):
            return path


@attempt
def code_mount(_):
    """putting something else in the place of the code"""
    for change in (
        lambda: os.rename("/var/task", "/var/other"), lambda: os.rmdir("/var/task"),
        lambda: os.symlink("/tmp", "/var/task/link"), lambda: os.chmod("/var/task", 0o777),
        lambda: os.link("/var/task/app.py", "/tmp/hard"), lambda: os.rename("/tmp", "/tmp2"),
    ):
        try:
            change()
            return "the code's folder was changed"
        except OSError:
            pass


@attempt
def secrets_of_the_host(event):
    """files of the host: passwords, keys, the worker's own"""
    for path in ["/etc/shadow", "/root/.ssh", "/root/.profile", "/proc/kcore", "/proc/kmsg", "/dev/mem", "/dev/kmsg",
                 "/dev/sda", "/dev/vda", "/dev/loop0", "/dev/loop-control", "/dev/fuse", "/dev/kvm", "/dev/net/tun",
                 "/etc/hostname", *event.get("files", [])]:
        try:
            if os.path.isdir(path):
                os.listdir(path)
                return path
            with open(path, "rb") as file:
                if path not in ("/etc/hostname",) and file.read(16):
                    return path
        except OSError:
            pass


@attempt
def device_nodes(_):
    """making device nodes"""
    for kind, device in ((0o060000, os.makedev(7, 0)), (0o020000, os.makedev(1, 1)), (0o020000, os.makedev(10, 237))):
        try:
            os.mknod("/tmp/node", kind | 0o666, device)
            try:
                with open("/tmp/node", "rb") as file:
                    file.read(1)
                return "a device that can be read"
            except OSError:
                return "a device node"
            finally:
                os.unlink("/tmp/node")
        except OSError:
            pass


@attempt
def control_groups(_):
    """limits of its own"""
    for top, folders, _files in os.walk("/sys/fs/cgroup"):
        del folders[50:]
        for name in ("cgroup.procs", "memory.limit_in_bytes", "memory.max", "cpu.cfs_quota_us", "cpu.max", "pids.max",
                     "release_agent", "freezer.state", "cgroup.freeze"):
            if os.path.exists(os.path.join(top, name)) and writable(os.path.join(top, name)):
                return os.path.join(top, name)


@attempt
def setuid_programs(_):
    """programs that run as root"""
    for path in ("/usr/bin/su", "/usr/bin/passwd", "/usr/bin/mount", "/usr/bin/newgrp", "/usr/bin/chsh"):
        if not os.path.exists(path):
            continue
        seen = subprocess.run(["/usr/bin/env", "-i", path, "--help"], capture_output=True, check=False)
        del seen
    if os.path.exists("/usr/bin/python3") and status("NoNewPrivs") != "1":
        return "setuid programs are obeyed"


@attempt
def shared_memory(_):
    """memory that outlives processes"""
    if os.path.isdir("/dev/shm") and writable("/dev/shm"):
        return "/dev/shm"


@attempt
def oom_score(_):
    """making others be killed first"""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("-900")
        return "a lower score"
    except OSError:
        pass


@attempt
def limits_of_its_own(_):
    """raising limits of resources"""
    for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK):
        _soft, hard = resource.getrlimit(which)
        try:
            resource.setrlimit(which, (hard + 1 if hard >= 0 else hard, hard + 1 if hard >= 0 else hard))
            return f"limit {which}"
        except (OSError, ValueError):
            pass


@attempt
def flood_of_descriptors(_):
    """more open files than allowed"""
    held = []
    try:
        while len(held) < 5_000:
            held.append(os.open("/dev/null", os.O_RDONLY))
        return f"{len(held)} open files"
    except OSError:
        return None
    finally:
        for fd in held:
            os.close(fd)


@attempt
def flood_of_processes(_):
    """more processes than allowed"""
    children = []
    reader, writer = os.pipe()
    try:
        while len(children) < 3_000:
            child = os.fork()
            if child == 0:
                os.close(writer)
                os.read(reader, 1)
                os._exit(0)
            children.append(child)
        return f"{len(children)} processes"
    except OSError:
        return None
    finally:
        os.close(writer)
        for child in children:
            os.waitpid(child, 0)
        os.close(reader)


@attempt
def flood_of_threads(_):
    """more threads than allowed"""
    stop = threading.Event()
    started = []
    try:
        for _count in range(3_000):
            thread = threading.Thread(target=stop.wait)
            thread.start()
            started.append(thread)
        return f"{len(started)} threads"
    except RuntimeError:
        return None
    finally:
        stop.set()
        for thread in started:
            thread.join()


@attempt
def flood_of_bytes(event):
    """a larger /tmp than configured"""
    limit = event.get("tmpMb", 512) << 20
    try:
        fd = os.open("/tmp/flood", os.O_CREAT | os.O_WRONLY)
        try:
            os.posix_fallocate(fd, 0, limit + (1 << 20))
            return "a larger file than /tmp may hold"
        finally:
            os.close(fd)
            os.unlink("/tmp/flood")
    except OSError as error:
        return None if error.errno == errno.ENOSPC else f"another error: {error}"


@attempt
def number_of_inodes(event):
    """a /tmp that holds as many files as one likes; that the number is kept is tested with a small one"""
    # One inode for each 16 KB, and some that the file system has for itself.
    most = (event.get("tmpMb", 512) << 20) // 16_384 + 64
    if os.statvfs("/tmp").f_files > most:
        return f"{os.statvfs('/tmp').f_files} files"


def run(event):
    """What was got at, by attempt; an empty answer means that every wall held."""
    found = {}
    for function in attempts:
        if function.__name__ in event.get("skip", []):
            continue
        try:
            got = function(event)
        except OSError:
            got = None
        except Exception as error:  # noqa: B902 (an attempt that got through may leave nothing as it was)
            got = f"went wrong: {error}"
        if got is not None:
            found[function.__name__] = got
    return found


def handler(event, _context=None):
    return {"attempts": len(attempts), "found": run(event)}


if __name__ == "__main__":
    print(json.dumps(handler(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {})))
