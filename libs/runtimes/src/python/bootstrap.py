"""The Python runtime: waits for a function's code, loads its handler, and runs one invocation at a time.

Speaks the frames of protocol.md over a unix socket.
"""

import importlib
import json
import logging
import os
import platform
import random
import select
import site
import socket
import struct
import sys
import time
import traceback

INIT, INVOKE, RESTORE = 1, 2, 3
HELLO, READY, INIT_ERROR, RESPONSE, ERROR, LOG, RESTORED, RESTORE_ERROR = 16, 17, 18, 19, 20, 21, 26, 27

# Where a response is refused, bytes.
LONGEST_ANSWER = 6_291_556
WARM_UP_AFTER_SECONDS = 0.01


class RuntimeFault(Exception):
    """An error whose type AWS's runtime would report under `name`."""

    def __init__(self, name, message):
        super().__init__(message)
        self.name = name


class Link:
    """The connection to the host."""

    def __init__(self, open_socket):
        self._socket = open_socket
        self._reader = self._socket.makefile("rb", buffering=65536)

    def read(self):
        """The next frame as (type, body), or None when the host has hung up."""
        head = self._reader.read(4)
        if len(head) < 4:
            return None
        (length,) = struct.unpack(">I", head)
        frame = self._reader.read(length)
        if len(frame) < length:
            return None
        return frame[0], frame[1:]

    def waits(self, seconds):
        """Whether nothing arrives for so long; to be asked before the first read."""
        return not select.select([self._socket], [], [], seconds)[0]

    def send(self, kind, *parts):
        body = b"".join(parts)
        self._socket.sendall(struct.pack(">IB", len(body) + 1, kind) + body)

    def log(self, text):
        self.send(LOG, struct.pack(">d", time.time() * 1000), text.encode("utf-8", "replace"))


class LogStream:
    """Replaces stdout and stderr: what is printed becomes one message a line, a final piece without newline too."""

    def __init__(self, link, name):
        self._link = link
        self._held = ""
        self.name = name
        self.encoding = "utf-8"
        self.errors = "replace"

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        *lines, self._held = (self._held + text).split("\n")
        for line in lines:
            self._link.log(line)
        return len(text)

    def flush(self):
        pass

    def finish(self):
        """Sends what is left without a newline; called at the end of an invocation."""
        if self._held:
            held, self._held = self._held, ""
            self._link.log(held)

    def writable(self):
        return True

    def readable(self):
        return False

    def isatty(self):
        return False

    def fileno(self):
        return {"<stdout>": 1, "<stderr>": 2}[self.name]


class State:
    request_id = None
    tenant_id = None


class LambdaLogHandler(logging.Handler):
    """Python's logging in AWS's formats."""

    def __init__(self, link, json_format):
        super().__init__()
        self._link = link
        self._json = json_format
        if not json_format:
            self.setFormatter(logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"))
            self.formatter.converter = time.gmtime

    def emit(self, record):
        record.aws_request_id = State.request_id or ""
        if not self._json:
            self._link.log(self.format(record))
            return
        document = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": State.request_id,
        }
        if State.tenant_id is not None:
            document["tenantId"] = State.tenant_id
        if record.exc_info:
            document["errorType"] = record.exc_info[0].__name__
            document["errorMessage"] = str(record.exc_info[1])
            document["stackTrace"] = traceback.format_tb(record.exc_info[2])
        self._link.log(json.dumps(document, default=str))


class Context:
    """What AWS gives a handler as its second argument."""

    def __init__(self, header):
        self.aws_request_id = header["requestId"]
        self.invoked_function_arn = header["invokedFunctionArn"]
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        client = header.get("clientContext")
        self.client_context = None if client is None else ClientContext(json.loads(client))
        identity = header.get("identity")
        self.identity = CognitoIdentity(json.loads(identity) if identity else {})
        self.tenant_id = header.get("tenantId")
        self._deadline_ms = header["deadlineMs"]

    def get_remaining_time_in_millis(self):
        return max(0, int(self._deadline_ms - time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))


class CognitoIdentity:
    def __init__(self, document):
        self.cognito_identity_id = document.get("cognitoIdentityId")
        self.cognito_identity_pool_id = document.get("cognitoIdentityPoolId")


class ClientContext:
    def __init__(self, document):
        self.custom = document.get("custom")
        self.env = document.get("env")
        self.client = document.get("client")


def load_handler(name):
    """Imports `package/module.function` and returns the function."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot or not module_name:
        raise RuntimeFault("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise RuntimeFault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        raise RuntimeFault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}") from error
    handler = getattr(module, function_name, None)
    if handler is None:
        raise RuntimeFault("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")
    return handler


def error_document(error, skip_frames):
    """AWS's error document; the frames of this file are not the user's and are left out."""
    frames = traceback.extract_tb(error.__traceback__)[skip_frames:]
    return {
        "errorMessage": str(error),
        "errorType": error.name if isinstance(error, RuntimeFault) else type(error).__name__,
        "stackTrace": [] if isinstance(error, RuntimeFault) else traceback.format_list(frames),
    }


def encode(value):
    def fallback(item):
        # Decimal is what boto3 hands out for numbers; AWS's runtime writes it as a number.
        if type(item).__name__ == "Decimal":
            return float(item)
        raise TypeError(f"Object of type {type(item).__name__} is not JSON serializable")

    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=fallback).encode("utf-8", "surrogatepass")


def log_error(link, document):
    text = f"[ERROR] {document['errorType']}: {document['errorMessage']}"
    if document["stackTrace"]:
        text += "\nTraceback (most recent call last):\n" + "".join(document["stackTrace"])
    link.log(text)


def initialise(link, request):
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    root = request["taskRoot"]
    os.chdir(root)
    layers = request.get("layersRoot", "/opt")
    site_packages = f"{layers}/python/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    sys.path[:0] = [root, site_packages, f"{layers}/python"] + [
        path for path in os.environ.get("PYTHONPATH", "").split(":") if path
    ]
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    sys.stdout = LogStream(link, "<stdout>")
    sys.stderr = LogStream(link, "<stderr>")
    logging.getLogger().handlers[:] = [LambdaLogHandler(link, request.get("logFormat") == "JSON")]
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL")
    if level:
        logging.getLogger().setLevel({"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}.get(level.upper(), level.upper()))
    try:
        handler = load_handler(request["handler"])
        if request.get("snapStart"):
            for func, args, kwargs in reversed(hooks("get_before_snapshot")):
                func(*args, **kwargs)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: B902 (whatever user code raises while it loads is the answer)
        document = error_document(error, 1)
        log_error(link, document)
        finish_output()
        link.send(INIT_ERROR, encode(document))
        return None
    finish_output()
    link.send(READY)
    return handler


def hooks(registry):
    """What the function has registered with `snapshot_restore_py`, if it has imported that."""
    module = sys.modules.get("snapshot_restore_py")
    return [] if module is None else list(getattr(module, registry)())


def restore(link):
    # An environment that others were made like must not draw the same numbers as they do.
    random.seed()
    try:
        for func, args, kwargs in hooks("get_after_restore"):
            func(*args, **kwargs)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: B902 (whatever a hook raises is the answer)
        document = error_document(error, 1)
        log_error(link, document)
        finish_output()
        link.send(RESTORE_ERROR, encode(document))
        return
    finish_output()
    link.send(RESTORED)


def finish_output():
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, LogStream):
            stream.finish()


def invoke(link, handler, body):
    (header_length,) = struct.unpack_from(">I", body)
    header = json.loads(body[4 : 4 + header_length])
    request_id = header["requestId"].encode("ascii")
    State.request_id = header["requestId"]
    State.tenant_id = header.get("tenantId")
    trace_id = header.get("traceId")
    if trace_id is None:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    else:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    try:
        result = handler(json.loads(body[4 + header_length :]), Context(header))
        try:
            answer = encode(result)
        except (TypeError, ValueError) as error:
            raise RuntimeFault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
        kind = RESPONSE
        if len(answer) > LONGEST_ANSWER:
            kind, answer = ERROR, encode(
                {
                    "errorMessage": f"Response payload size exceeded maximum allowed payload size ({LONGEST_ANSWER} bytes).",
                    "errorType": "Function.ResponseSizeTooLarge",
                }
            )
    except SystemExit:
        raise
    except BaseException as error:  # noqa: B902 (every failure of a handler is an answer)
        document = {**error_document(error, 1), "requestId": header["requestId"]}
        log_error(link, document)
        answer, kind = encode(document), ERROR
    finish_output()
    State.request_id = None
    link.send(kind, request_id, answer)


def connect():
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(os.environ.get("WEFT_RUNTIME_SOCKET", "/run/weft/runtime.sock"))
    return connection


def inherited():
    """The connection of a launcher that has read INIT already."""
    os.set_inheritable(9, False)
    return socket.socket(fileno=9)


def warm_up():
    """Brings in, while nobody waits, what the first import of any module does; a function sees nothing of it."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "warm")
    sys.path.insert(0, folder)
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        load_handler("weft_warm.handler")
    finally:
        sys.dont_write_bytecode = kept
        sys.path.remove(folder)
        sys.modules.pop("weft_warm", None)
        sys.path_importer_cache.pop(folder, None)
    encode({"text": "\u00e9", "number": 1.5})


def main():
    # Without the site module's start-up, which would bring in the host's packages, exit() and quit() are missing.
    site.setquit()
    launched = os.environ.pop("WEFT_INIT", None)
    link = Link(connect() if launched is None else inherited())
    handler = None
    if launched is None:
        link.send(HELLO, json.dumps({"language": "python", "version": platform.python_version()}).encode())
        # When a function waits for this runtime already, its INIT comes now, and goes first.
        if link.waits(WARM_UP_AFTER_SECONDS):
            warm_up()
    else:
        handler = initialise(link, {**json.loads(launched), "environment": dict(os.environ)})
    try:
        while (frame := link.read()) is not None:
            kind, body = frame
            if kind == INIT:
                handler = initialise(link, json.loads(body))
            elif kind == INVOKE and handler is not None:
                invoke(link, handler, body)
            elif kind == RESTORE:
                restore(link)
    except SystemExit:
        finish_output()
        raise


if __name__ == "__main__":
    main()
