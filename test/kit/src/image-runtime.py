"""A runtime for container images of tests: serves a handler over the Runtime API. The handler is the first argument."""

import http.client
import importlib
import json
import os
import sys
import traceback

PREFIX = "/2018-06-01/runtime"


def main():
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

    def ask(method, path, document=None):
        body = None if document is None else json.dumps(document)
        api.request(method, PREFIX + path, body, {"Content-Type": "application/json"})
        answer = api.getresponse()
        return answer, answer.read()

    try:
        module, name = sys.argv[1].rsplit(".", 1)
        sys.path.insert(0, os.environ.get("LAMBDA_TASK_ROOT", os.getcwd()))
        handler = getattr(importlib.import_module(module), name)
    except Exception as error:
        ask("POST", "/init/error", {"errorType": type(error).__name__, "errorMessage": str(error)})
        raise SystemExit(1)
    while True:
        answer, body = ask("GET", "/invocation/next")
        request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            path, document = "response", handler(json.loads(body), {"request_id": request_id})
        except Exception as error:
            trace = traceback.format_exc().splitlines()
            document = {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": trace}
            path = "error"
        sys.stdout.flush()
        ask("POST", f"/invocation/{request_id}/{path}", document)


if __name__ == "__main__":
    main()
