"""Waits for a function, then becomes the program that runs it.

Speaks the first frames of protocol.md. What the program is, the arguments say:

  (none)                          the package's own `bootstrap`, which uses the Runtime API over HTTP
  java VERSION PROGRAM JAR        a Java machine with our runtime in it, sized for the function; the connection is its
                                  descriptor 0
  LANGUAGE VERSION PROGRAM ...    one of our runtimes, started with the function's environment; the connection is its
                                  descriptor 9, and WEFT_INIT holds what else INIT said

A function's AWS_LAMBDA_EXEC_WRAPPER is run in place of a program of ours, with that as its arguments.
"""

import json
import os
import socket
import struct
import sys

INIT, HELLO, INIT_ERROR = 1, 16, 18
CONNECTION = 9


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


def java_command(request, environment, program, jar):
    memory_mb = int(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
    # What the machine needs beside the heap is about the same for small functions and large ones.
    heap_mb = max(memory_mb // 2, memory_mb - 128)
    # JAVA_TOOL_OPTIONS is read before the command line, so whatever it decides is not said here again.
    chosen = environment.get("JAVA_TOOL_OPTIONS", "")
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
    language, version, *program = sys.argv[1:] or ("custom", "")
    send(link, HELLO, json.dumps({"language": language, "version": version}).encode())
    kind, body = read(link.makefile("rb"))
    if kind != INIT:
        raise SystemExit(1)
    request = json.loads(body)
    environment = dict(request.pop("environment"))
    if language == "custom":
        command = own_bootstrap(request)
    elif language == "java":
        command = java_command(request, environment, *program)
        os.dup2(link.fileno(), 0)
    else:
        command = program
        os.dup2(link.fileno(), CONNECTION)
        environment["WEFT_INIT"] = json.dumps(request)
    if language != "custom" and environment.get("AWS_LAMBDA_EXEC_WRAPPER"):
        command = [environment["AWS_LAMBDA_EXEC_WRAPPER"], *command]
    reason = f"Couldn't find valid bootstrap(s): [{' '.join(bootstrap_places(request))}]"
    if command is not None:
        try:
            os.chdir(request["taskRoot"])
            os.execve(command[0], command, environment)
        except OSError as error:
            reason = f"fork/exec {command[0]}: {os.strerror(error.errno).lower()}"
    send(link, INIT_ERROR, json.dumps({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": reason}).encode())


if __name__ == "__main__":
    main()
