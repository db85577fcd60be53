import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RunStatus } from '@weft/contracts/worker'
import { buildLayer, hostPrograms } from '@weft/kit'
import { silentLogger as log } from '@weft/platform'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOciDriver } from './oci/oci-driver.ts'
import { TestWorker, testDataDir } from './testing/test-worker.ts'

/** AWS's own client of the Runtime API for Node.js, as npm has it. */
const modules = fileURLToPath(new URL('../../../.weft/tools/aws-lambda-ric/node_modules', import.meta.url))
const built = existsSync(join(modules, 'aws-lambda-ric/rapid-client.node'))

if (!built)
  test('aws-lambda-ric is not tried: it is not built here (node scripts/build-ric.mjs builds it)', () => {
    expect(built).toBe(false)
  })
else
  describe('aws-lambda-ric, unmodified, as a custom runtime', () => {
    const data = testDataDir()
    let w: TestWorker
    beforeAll(async () => {
      w = await TestWorker.start(createOciDriver({ dataDir: data.path, log }), data.path)
    })
    afterAll(async () => {
      await w[Symbol.asyncDispose]()
      data.remove()
    })
    const filesOf = (...packages: readonly string[]): Record<string, Buffer> =>
      Object.fromEntries(
        packages
          .flatMap((name) => globSync(join(modules, name, '**/*.{mjs,js,cjs,json,node}')))
          .map((path) => [join('node_modules', relative(modules, path)), readFileSync(path)]),
      )

    test('answers, fails and times out as a function of AWS does', async () => {
      const env = await w.environment(
        {
          ...filesOf('aws-lambda-ric', '@aws/lambda-invoke-store'),
          bootstrap: '#!/bin/sh\nexec /opt/bin/node /var/task/node_modules/aws-lambda-ric/index.mjs "$_HANDLER"\n',
          'index.js': `
            exports.handler = async (event, context) => {
              console.log('in AWS code')
              if (event.fail) throw new RangeError('no good')
              if (event.hang) await new Promise(() => setInterval(() => {}, 1000))
              return { event, id: context.awsRequestId, name: context.functionName, left: context.getRemainingTimeInMillis() > 0 }
            }`,
        },
        {
          ...{ runtime: 'provided.al2023', handler: 'index.handler', memoryMb: 512, timeoutMs: 3_000 },
          layers: [w.layer({ 'bin/node': readFileSync(process.execPath) })],
        },
      )
      const requestId = '11111111-2222-4333-8444-555555555555'
      expect(await env.call({ a: 'ö' }, { requestId })).toEqual({
        event: { a: 'ö' },
        id: requestId,
        name: 'f',
        left: true,
      })
      expect((await w.linesOf(requestId)).some((line) => line.endsWith('in AWS code'))).toBe(true)
      const failed = await env.run({ fail: true })
      expect(failed).toMatchObject({ status: RunStatus.RUN_STATUS_FUNCTION_ERROR, detail: 'RangeError' })
      expect(await env.run({ hang: true })).toMatchObject({ detail: 'Sandbox.Timedout' })
      expect(await env.call({ a: 1 })).toMatchObject({ event: { a: 1 } })
    })

    test('runs in an image of the layout of AWS base images', async () => {
      const inside = (path: string) => join('/var/runtime', path)
      const base = await buildLayer(
        {
          ...hostPrograms({ '/var/lang/bin/node': process.execPath, '/bin/sh': '/bin/dash' }),
          ...Object.fromEntries(
            Object.entries(filesOf('aws-lambda-ric', '@aws/lambda-invoke-store')).map(([path, file]) => [
              inside(path),
              file,
            ]),
          ),
          // What the native part of the client loads.
          ...hostPrograms({ [inside('rapid-client.node')]: join(modules, 'aws-lambda-ric/rapid-client.node') }),
          '/var/runtime/bootstrap':
            '#!/bin/sh\nexec /var/lang/bin/node /var/runtime/node_modules/aws-lambda-ric/index.mjs "$_HANDLER"\n',
          '/lambda-entrypoint.sh': [
            '#!/bin/sh',
            'if [ $# -ne 1 ]; then echo "entrypoint requires the handler name to be the first argument" 1>&2; exit 142; fi',
            'export _HANDLER="$1"',
            'if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then exec /usr/local/bin/aws-lambda-rie /var/runtime/bootstrap; fi',
            'exec /var/runtime/bootstrap\n',
          ].join('\n'),
        },
        'none',
      )
      const code = await buildLayer({
        'var/task/index.js': `
          exports.handler = async (event, context) => {
            if (event.fail) throw new RangeError('no good')
            console.log('in an image')
            return { event, name: context.functionName, cwd: process.cwd(), handler: process.env._HANDLER }
          }`,
      })
      const variables = {
        ...{ LANG: 'en_US.UTF-8', TZ: ':/etc/localtime', PATH: '/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin' },
        ...{ LAMBDA_TASK_ROOT: '/var/task', LAMBDA_RUNTIME_DIR: '/var/runtime' },
      }
      const asBuilt = { entryPoint: ['/lambda-entrypoint.sh'], workingDirectory: '/var/task' }
      const spec = { memoryMb: 512, environment: variables }
      const env = await w.imageEnvironment([base, code], { ...asBuilt, command: ['index.handler'] }, spec)
      const answer = { event: { a: 'ö' }, name: 'f', cwd: '/var/task', handler: 'index.handler' }
      expect(await env.call({ a: 'ö' })).toEqual(answer)
      expect(await env.run({ fail: true })).toMatchObject({ detail: 'RangeError' })
      const none = await w.imageEnvironment([base, code], { ...asBuilt, command: [] }, spec)
      expect(JSON.parse((await none.run({})).payload.toString())).toMatchObject({
        errorType: 'Runtime.ExitError',
        errorMessage: expect.stringMatching(/exit status 142$/),
      })
    })
  })
