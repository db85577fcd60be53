/**
 * A Python extension for tests. By environment variables of the function: EVENTS (what it registers for), SUBSCRIBE (a
 * JSON telemetry subscription, with LOGS_API to the older API, with TCP to a bare port), FAIL_INIT, DIE_ON (an event type), SLEEP_MS per INVOKE.
 * It tells what it sees as lines of its own and in the file told.
 */
export const extensionProgram = `#!/usr/bin/python3 -u
import http.client, http.server, json, os, sys, tempfile, threading, time, signal
name = os.path.basename(sys.argv[0])
api = os.environ['AWS_LAMBDA_RUNTIME_API']
told = open(os.path.join(os.environ.get('TMPDIR', '/tmp'), 'told'), 'a', buffering=1)
def tell(what):
    line = json.dumps({'who': name, **what})
    print(line, flush=True)
    told.write(line + '\\n')
def ask(method, path, headers={}, body=None):
    connection = http.client.HTTPConnection(api)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer, answer.read()
signal.signal(signal.SIGTERM, lambda *_: tell({'signal': 'SIGTERM'}))
tell({'starting': True})
answer, body = ask('POST', '/2020-01-01/extension/register',
    {'Lambda-Extension-Name': name, 'Lambda-Extension-Accept-Feature': 'accountId'},
    json.dumps({'events': os.environ.get('EVENTS', 'INVOKE,SHUTDOWN').split(',')}))
me = {'Lambda-Extension-Identifier': answer.headers.get('Lambda-Extension-Identifier') or ''}
tell({'registered': json.loads(body), 'env': sorted(os.environ), 'uid': os.getuid()})
if os.environ.get('FAIL_INIT'):
    ask('POST', '/2020-01-01/extension/init/error', {**me, 'Lambda-Extension-Function-Error-Type': 'Extension.NoLuck'}, '{}')
    sys.exit(1)
if os.environ.get('SUBSCRIBE'):
    class Taker(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            events = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
            open(os.path.join(os.environ.get('TMPDIR', '/tmp'), 'telemetry'), 'a').write(''.join(json.dumps(e) + '\\n' for e in events))
            self.send_response(200); self.send_header('Content-Length', '0'); self.end_headers()
        def log_message(self, *_): pass
    def take_lines(listener):
        while True:
            link, _ = listener.accept()
            for line in link.makefile(): open(os.path.join(os.environ.get('TMPDIR', '/tmp'), 'telemetry'), 'a').write(line)
    if os.environ.get('TCP'):
        import socket
        work, given = take_lines, [socket.create_server(('0.0.0.0', int(os.environ['PORT'])))]
    else:
        server = http.server.ThreadingHTTPServer(('0.0.0.0', int(os.environ['PORT'])), Taker)
        work, given = server.serve_forever, []
    threading.Thread(target=work, args=given, daemon=True).start()
    path = '/2020-08-15/logs' if os.environ.get('LOGS_API') else '/2022-07-01/telemetry'
    answer, body = ask('PUT', path, me, os.environ['SUBSCRIBE'])
    tell({'subscribed': answer.status, 'said': body.decode()})
while True:
    answer, body = ask('GET', '/2020-01-01/extension/event/next', me)
    event = json.loads(body)
    tell({'event': event})
    if os.environ.get('DIE_ON') == event['eventType']: sys.exit(7)
    if event['eventType'] == 'SHUTDOWN': time.sleep(0.05); tell({'bye': True}); sys.exit(0)
    time.sleep(int(os.environ.get('SLEEP_MS', '0')) / 1000)
`

/** The same in a shell, with curl; it registers, waits and prints. */
export const shellExtension = `#!/bin/bash
api="http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension"
id=$(curl -s -D - -o /dev/null -H "Lambda-Extension-Name: $(basename "$0")" -d '{"events":["INVOKE"]}' "$api/register" |
  tr -d '\\r' | sed -n 's/^lambda-extension-identifier: //Ip')
while true; do echo "shell: $(curl -s -H "Lambda-Extension-Identifier: $id" "$api/event/next" | sed 's/,.*//')"; done
`

/** And in Node.js. */
export const nodeExtension = (node: string): string => `#!${node}
const base = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2020-01-01/extension/'
const main = async () => {
  const headers = { 'Lambda-Extension-Name': require('node:path').basename(process.argv[1]) }
  const registered = await fetch(base + 'register', { method: 'POST', headers, body: '{"events":["INVOKE"]}' })
  const id = registered.headers.get('lambda-extension-identifier')
  for (;;) {
    const event = await (await fetch(base + 'event/next', { headers: { 'Lambda-Extension-Identifier': id } })).json()
    console.log('node: ' + event.eventType)
  }
}
main()
`
