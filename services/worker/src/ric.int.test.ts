import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RunStatus } from '@weft/contracts/worker'
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
  })
