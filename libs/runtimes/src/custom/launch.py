"""Waits for a package that brings its own runtime, then becomes that runtime.

Speaks the first frames of protocol.md; from then on the package's `bootstrap` uses the Runtime API over HTTP.
"""

import json
import os
import socket
import struct

INIT, HELLO, INIT_ERROR = 1, 16, 18


def send(link, kind, body):
    link.sendall(struct.pack(">IB", len(body) + 1, kind) + body)


def read(reader):
    head = reader.read(4)
    if len(head) < 4:
        raise SystemExit(0)
    (length,) = struct.unpack(">I", head)
    frame = reader.read(length)
    if len(frame) < length:
        raise SystemExit(0)
    return frame[0], frame[1:]


def main():
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect(os.environ.get("WEFT_RUNTIME_SOCKET", "/run/weft/runtime.sock"))
    send(link, HELLO, json.dumps({"language": "custom", "version": ""}).encode())
    kind, body = read(link.makefile("rb"))
    if kind != INIT:
        raise SystemExit(1)
    request = json.loads(body)
    root = request["taskRoot"]
    candidates = [os.path.join(root, "bootstrap"), os.path.join(request.get("layersRoot", "/opt"), "bootstrap")]
    program = next((path for path in candidates if os.path.isfile(path)), None)
    reason = f"Couldn't find valid bootstrap(s): [{' '.join(candidates)}]"
    if program is not None:
        try:
            os.chdir(root)
            os.execve(program, [program], request["environment"])
        except OSError as error:
            reason = f"fork/exec {program}: {os.strerror(error.errno).lower()}"
    send(link, INIT_ERROR, json.dumps({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": reason}).encode())


if __name__ == "__main__":
    main()
