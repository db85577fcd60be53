import { randomUUID } from 'node:crypto'
import { dirname } from 'node:path'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import { RunStatus } from '@weft/contracts/worker'
import { detectRuntimes } from '@weft/runtimes'
import { compileJava } from '@weft/runtimes/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DriverUnderTest, drivers } from './testing/drivers.ts'
import { leftovers } from './testing/leftovers.ts'
import { TestWorker, testDataDir } from './testing/test-worker.ts'

const detected = detectRuntimes()
const idOf = (language: string): string => detected.find((one) => one.language === language)?.id ?? ''

const node = {
  'index.mjs': `
    const told = ['init']
    awslambda.registerBeforeSnapshot(() => void told.push('before 1'))
    awslambda.registerBeforeSnapshot(async () => void told.push('before 2'))
    awslambda.registerAfterRestore(async () => {
      console.log('restored')
      told.push('after 1')
    })
    awslambda.registerAfterRestore(() => {
      if (process.env.OWN === 'throw') throw Object.assign(new Error('no'), { name: 'Oops' })
      if (process.env.OWN === 'exit') process.exit(4)
      told.push('after 2')
    })
    export const handler = async () => ({ told, type: process.env.AWS_LAMBDA_INITIALIZATION_TYPE })`,
}
const hooksInOrder = ['init', 'before 2', 'before 1', 'after 1', 'after 2']

const python = {
  'index.py': `
import os, json, urllib.request
from snapshot_restore_py import register_before_snapshot, register_after_restore
told = ["init"]
register_before_snapshot(told.append, "before 1")
@register_before_snapshot
def second():
    told.append("before 2")
register_after_restore(told.append, "after 1")
@register_after_restore
def fourth():
    told.append("after 2")
def handler(event, context):
    request = urllib.request.Request(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    if not event.get("bare"):
        request.add_header("Authorization", os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
    try:
        credentials = json.load(urllib.request.urlopen(request))
    except urllib.error.HTTPError as error:
        credentials = error.code
    return {"told": told, "credentials": credentials, "own": [k for k in os.environ if k.startswith("AWS_S") or k == "AWS_ACCESS_KEY_ID"]}
`,
}

/** A runtime of the package's own. */
const bootstrap = (afterRestore: string): string => `#!/usr/bin/python3
import http.client, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def ask(method, path, body=None, headers={}):
    api.request(method, "/2018-06-01/runtime/" + path, body, headers)
    answer = api.getresponse()
    return answer.status, answer.headers, answer.read()
told = ["init"]
if os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start":
    status, _, _ = ask("GET", "restore/next")
    told.append("restored %d" % status)
    ${afterRestore}
while True:
    status, headers, event = ask("GET", "invocation/next")
    ask("POST", "invocation/%s/response" % headers["Lambda-Runtime-Aws-Request-Id"], str(told).replace("'", '"'))
`

const java = `package app;
import com.amazonaws.services.lambda.runtime.*;
import java.util.*;
import org.crac.*;
public class Snap implements RequestHandler<Object, List<String>>, Resource {
  private final List<String> told = new ArrayList<>(List.of("init"));
  private final Resource other = new Resource() {
    @Override public void beforeCheckpoint(org.crac.Context<? extends Resource> context) { told.add("before 2"); }
    @Override public void afterRestore(org.crac.Context<? extends Resource> context) { told.add("after 2"); }
  };
  public Snap() {
    Core.getGlobalContext().register(this);
    Core.getGlobalContext().register(other);
  }
  @Override public void beforeCheckpoint(org.crac.Context<? extends Resource> context) { told.add("before 1"); }
  @Override public void afterRestore(org.crac.Context<? extends Resource> context) throws Exception {
    if ("throw".equals(System.getenv("OWN"))) throw new IllegalStateException("no");
    told.add("after 1");
  }
  @Override public List<String> handleRequest(Object event, com.amazonaws.services.lambda.runtime.Context context) { return told; }
}`

const snapStart: Partial<SandboxSpec> = { version: '1', snapStart: true }

describe.each(drivers)('SnapStart over the $name driver', ({ prepare }) => {
  let data: ReturnType<typeof testDataDir>
  let host: Awaited<ReturnType<DriverUnderTest['prepare']>>
  let w: TestWorker
  beforeAll(async () => {
    data = testDataDir()
    host = await prepare()
    w = await TestWorker.start(host.create(data.path), data.path)
  })
  afterAll(async () => {
    await w[Symbol.asyncDispose]()
    expect(leftovers(data.path)).toEqual([])
    data.remove()
    await host[Symbol.asyncDispose]()
  })

  test('Node.js: initialised and frozen ahead, restored by the first call alone', async () => {
    const env = await w.environment(node, snapStart, true)
    const requestId = randomUUID()
    const result = await env.run({}, { requestId })
    expect(JSON.parse(result.payload.toString())).toEqual({ told: hooksInOrder, type: 'snap-start' })
    expect(result).toMatchObject({ initDurationMs: 0, restoreFailed: false })
    expect(await w.linesOf(requestId)).toEqual([
      expect.stringMatching(/^INIT_START Runtime Version: nodejs/),
      expect.stringMatching(/^INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init$/),
      expect.stringMatching(/^RESTORE_START Runtime Version: nodejs/),
      expect.stringContaining('restored'),
      expect.stringMatching(/^RESTORE_REPORT Restore Duration: [\d.]+ ms$/),
      `START RequestId: ${requestId} Version: 1`,
      `END RequestId: ${requestId}`,
      expect.stringMatching(/\tRestore Duration: [\d.]+ ms\tBilled Restore Duration: \d+ ms$/),
    ])
    const again = randomUUID()
    expect(await env.call({}, { requestId: again })).toMatchObject({ told: hooksInOrder })
    expect((await w.linesOf(again)).at(-1)).not.toContain('Restore')
  })

  test('what a call itself has initialised runs the same hooks', async () => {
    const env = await w.environment(node, snapStart)
    const result = await env.run({})
    expect(JSON.parse(result.payload.toString())).toEqual({ told: hooksInOrder, type: 'snap-start' })
    expect(result.initDurationMs).toBeGreaterThan(0)
  })

  test.each([['throw'], ['exit']])('a hook after the restoring that ends in %s ends the environment', async (own) => {
    const env = await w.environment(node, { ...snapStart, environment: { OWN: own } }, true)
    const result = await env.run({})
    expect(result).toMatchObject({
      ...{ status: RunStatus.RUN_STATUS_FUNCTION_ERROR, detail: 'SnapStartException' },
      ...{ restoreFailed: true, sandboxLost: true },
    })
    await w.gone(env.sandboxId)
  })

  test('code that cannot be initialised is told with its error', async () => {
    const broken = { 'index.mjs': 'import "missing"' }
    await expect(w.environment(broken, snapStart, true)).rejects.toThrow('Runtime.ImportModuleError')
    const hook = {
      'index.mjs':
        'awslambda.registerBeforeSnapshot(() => { throw new RangeError("x") }); export const handler = async () => 1',
    }
    await expect(w.environment(hook, snapStart, true)).rejects.toThrow('RangeError')
  })

  test('Python: hooks of snapshot_restore_py, and credentials on demand', async () => {
    const spec = { ...snapStart, runtime: idOf('python') }
    const env = await w.environment(python, spec, true)
    expect(await env.call()).toEqual({
      told: hooksInOrder,
      credentials: {
        ...{ AccessKeyId: 'ASIATEST', SecretAccessKey: 'secret', Token: 'token' },
        Expiration: expect.stringMatching(/Z$/),
      },
      own: [],
    })
    expect(await env.call({ bare: true })).toMatchObject({ credentials: 403 })
  })

  test('Ruby: without hooks', async () => {
    const code = { 'index.rb': 'def handler(event:, context:)\n  ENV["AWS_LAMBDA_INITIALIZATION_TYPE"]\nend' }
    const spec = { ...snapStart, runtime: idOf('ruby'), handler: 'index.handler' }
    expect(await (await w.environment(code, spec, true)).call()).toBe('snap-start')
  })

  test('Java: the resources of org.crac', async () => {
    const { binary = '', client = '', id = '' } = detected.find(({ language }) => language === 'java') ?? {}
    const classes = await compileJava(dirname(dirname(binary)), client, { 'app/Snap.java': java })
    const spec = { ...snapStart, runtime: id, handler: 'app.Snap', memoryMb: 512 }
    expect(await (await w.environment(classes, spec, true)).call()).toEqual([
      ...['init', 'before 2', 'before 1', 'after 1', 'after 2'],
    ])
    const failing = await w.environment(classes, { ...spec, environment: { OWN: 'throw' } }, true)
    expect(await failing.run({})).toMatchObject({ restoreFailed: true, detail: 'SnapStartException' })
  })

  test('the Runtime API: restore/next and restore/error', async () => {
    const spec = { ...snapStart, runtime: 'provided.al2023', handler: 'any' }
    const ready = await w.environment({ bootstrap: bootstrap('pass') }, spec, true)
    expect(await ready.call()).toEqual(['init', 'restored 200'])
    const failing = `ask("POST", "restore/error", '{"errorType":"Runtime.Oops"}'); raise SystemExit(1)`
    const broken = await w.environment({ bootstrap: bootstrap(failing) }, spec, true)
    expect(await broken.run({})).toMatchObject({ restoreFailed: true, detail: 'SnapStartException' })
  })
})
