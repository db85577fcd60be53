"""Mounts and removes the disks of sandboxes (scratch-disk.ts): ext4 in sparse files, through loop devices.

One small process beside a large one: to start `cp`, `mount` and `umount` from there would cost it several times as much
as the work itself. Requests and answers are JSON lines on standard input and output; every request has an id and gets
one answer with it, in the order in which they are done. Requests:

  mount    {template, image, folder, uid, gid}  copies the template, mounts the copy at the folder, which is made
  unmount  {image, folder}                      takes back what `mount` made, as far as it is there
"""

import ctypes
import errno
import fcntl
import json
import os
import signal
import struct
import sys
import threading

libc = ctypes.CDLL(None, use_errno=True)

MS_NOSUID, MS_NODEV, MS_NOATIME, MNT_DETACH = 2, 4, 1024, 2
LOOP_CTL_GET_FREE, LOOP_CONFIGURE, LO_FLAGS_AUTOCLEAR = 0x4C82, 0x4C0A, 4
PR_SET_PDEATHSIG = 1
# struct loop_config: the file's descriptor, then struct loop_info64, of which only the flags are given.
LOOP_CONFIG = struct.Struct("=II 40x 12x I 64x 64x 32x 16x 64x")


def checked(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def mount(request):
    image, folder = request["image"], request["folder"]
    os.makedirs(folder, exist_ok=True)
    copy_sparse(request["template"], image)
    with Loop(image) as device:
        checked(
            libc.mount(device.encode(), folder.encode(), b"ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, None), "mount"
        )
    os.rmdir(f"{folder}/lost+found")
    os.chown(folder, request["uid"], request["gid"])
    os.chmod(folder, 0o1777)


def copy_sparse(template, copy):
    """Only what is written: of half a gigabyte that is some hundred kilobytes."""
    source = os.open(template, os.O_RDONLY | os.O_CLOEXEC)
    try:
        target = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(source).st_size
            os.ftruncate(target, size)
            at = next_data(source, 0, size)
            while at < size:
                at = copy_until(source, target, at, os.lseek(source, at, os.SEEK_HOLE))
                at = next_data(source, at, size)
        finally:
            os.close(target)
    finally:
        os.close(source)


def next_data(source, at, size):
    try:
        return os.lseek(source, at, os.SEEK_DATA)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return size


def copy_until(source, target, at, end):
    while at < end:
        at += os.pwrite(target, os.pread(source, min(end - at, 1 << 20), at), at)
    return at


class Loop:
    """A loop device for the file, which goes with its last use: the mount, once there is one."""

    def __init__(self, image):
        self._image = image
        self._device = -1

    def __enter__(self):
        image = os.open(self._image, os.O_RDWR | os.O_CLOEXEC)
        try:
            control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
            try:
                while True:
                    path = f"/dev/loop{fcntl.ioctl(control, LOOP_CTL_GET_FREE)}"
                    self._device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                    try:
                        fcntl.ioctl(self._device, LOOP_CONFIGURE, LOOP_CONFIG.pack(image, 0, LO_FLAGS_AUTOCLEAR))
                        return path
                    except OSError as error:
                        os.close(self._device)
                        # Another process has taken it meanwhile.
                        if error.errno != errno.EBUSY:
                            raise
            finally:
                os.close(control)
        finally:
            os.close(image)

    def __exit__(self, *_):
        os.close(self._device)


def unmount(request):
    folder = request["folder"].encode()
    try:
        checked(libc.umount2(folder, 0), "umount")
    except OSError as error:
        if error.errno == errno.EBUSY:
            # For as long as a dying process has it open; lazily, the kernel lets go when that has ended.
            checked(libc.umount2(folder, MNT_DETACH), "umount")
        elif error.errno not in (errno.EINVAL, errno.ENOENT):
            raise
    for remove, path in ((os.unlink, request["image"]), (os.rmdir, request["folder"])):
        try:
            remove(path)
        except FileNotFoundError:
            pass


answering = threading.Lock()


def answer(request):
    problem = {}
    try:
        {"mount": mount, "unmount": unmount}[request["op"]](request)
    except Exception as error:  # noqa: B902 (whatever fails is the answer)
        problem = {"error": str(error) or type(error).__name__}
    with answering:
        print(json.dumps({"id": request["id"], **problem}), flush=True)


def main():
    # Without its owner it has nobody to answer to; a signal to the owner's group must not end it ahead of that.
    checked(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    for line in sys.stdin:
        # A disk that takes its time to go must not keep another from coming.
        threading.Thread(target=answer, args=(json.loads(line),)).start()


if __name__ == "__main__":
    main()
