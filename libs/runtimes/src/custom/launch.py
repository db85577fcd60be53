"""Waits for a function, then becomes the program that runs it.

Speaks the first frames of protocol.md. Without arguments the program is the package's own `bootstrap`, which uses the
Runtime API over HTTP. With `java PROGRAM VERSION JAR` it is a Java machine with our runtime in it, sized for the function;
it inherits the connection as descriptor 0 and goes on in frames.
"""

import json
import os
import socket
import struct
import sys

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


def own_bootstrap(request):
    """The command of a package that brings its own runtime; None when it brings none."""
    program = next((path for path in bootstrap_places(request) if os.path.isfile(path)), None)
    return None if program is None else [program]


def bootstrap_places(request):
    return [os.path.join(root, "bootstrap") for root in (request["taskRoot"], request["layersRoot"])]


def java_command(request, program, jar):
    memory_mb = int(request["environment"]["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
    # What the machine needs beside the heap is about the same for small functions and large ones.
    heap_mb = max(memory_mb // 2, memory_mb - 128)
    # JAVA_TOOL_OPTIONS is read before the command line, so whatever it decides is not said here again.
    chosen = request["environment"].get("JAVA_TOOL_OPTIONS", "")
    options = [
        (f"-Xmx{heap_mb}m", ("-Xmx", "MaxHeapSize", "RAMPercentage")),
        ("-XX:+UseSerialGC", ("GC",)),
        ("-XX:TieredStopAtLevel=1", ("Tiered", "-Xint", "-Xcomp")),
        ("-XX:-UsePerfData", ("UsePerfData",)),
        ("-Xshare:auto", ("-Xshare",)),
    ]
    ours = [option for option, words in options if not any(word in chosen for word in words)]
    return [program, *ours, "-cp", jar, "weft.runtime.Main", request["layersRoot"]]


def main():
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect(os.environ.get("WEFT_RUNTIME_SOCKET", "/run/weft/runtime.sock"))
    language, program, version, jar = sys.argv[1:] or ("custom", "", "", "")
    send(link, HELLO, json.dumps({"language": language, "version": version}).encode())
    kind, body = read(link.makefile("rb"))
    if kind != INIT:
        raise SystemExit(1)
    request = json.loads(body)
    if language == "java":
        command = java_command(request, program, jar)
        os.dup2(link.fileno(), 0)
    else:
        command = own_bootstrap(request)
    reason = f"Couldn't find valid bootstrap(s): [{' '.join(bootstrap_places(request))}]"
    if command is not None:
        try:
            os.chdir(request["taskRoot"])
            os.execve(command[0], command, request["environment"])
        except OSError as error:
            reason = f"fork/exec {command[0]}: {os.strerror(error.errno).lower()}"
    send(link, INIT_ERROR, json.dumps({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": reason}).encode())


if __name__ == "__main__":
    main()
