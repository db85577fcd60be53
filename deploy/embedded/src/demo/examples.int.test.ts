import { execFile } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { exampleFunctions } from './functions.ts'
import type { PackageReport } from './report.ts'

/** A bucket that lists two objects a page, so that paging is seen to work. */
let server: Server
let objects: Map<string, string> | undefined

beforeEach(async () => {
  objects = undefined
  server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://bucket')
    const key = url.pathname.replace(/^\/package-ledger\/?/, '')
    const body = (await buffer(request)).toString('utf8')
    const authorized = request.headers.authorization?.startsWith('AWS4-HMAC-SHA256 Credential=AKIATEST/')
    const answer = (status: number, text = ''): unknown => response.writeHead(status).end(text)
    if (!authorized) return answer(403)
    if (request.method === 'PUT' && key === '') {
      objects = new Map()
      return answer(200)
    }
    if (!objects) return answer(404)
    if (request.method === 'PUT') {
      objects.set(key, body)
      return answer(200)
    }
    if (key !== '') return objects.has(key) ? answer(200, objects.get(key)) : answer(404)
    const after = url.searchParams.get('continuation-token') ?? ''
    const keys = [...objects.keys()].sort().filter((one) => one > after)
    const page = keys.slice(0, 2)
    const more = keys.length > page.length
    const contents = page.map((one) => `<Contents><Key>${one}</Key></Contents>`).join('')
    const next = more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : ''
    return answer(
      200,
      `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>${more}</IsTruncated>${next}${contents}</ListBucketResult>`,
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

/** Calls a handler as a runtime would, in a process of its own. */
async function callHandler(program: string, args: readonly string[], cwd: string): Promise<string> {
  const env = {
    PATH: process.env.PATH,
    PYTHONDONTWRITEBYTECODE: '1',
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'AKIATEST',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'token',
  }
  return (await promisify(execFile)(program, args, { cwd, env })).stdout
}

const ledger = (event: unknown): Promise<string> =>
  callHandler(
    process.execPath,
    ['-e', `import('./index.mjs').then(({ handler }) => handler(${JSON.stringify(event)}))`],
    exampleFunctions.ledger.folder,
  )

const report = async (): Promise<PackageReport> => {
  const program = 'import json, report; print(json.dumps(report.handler({"top": 2}, None)))'
  return JSON.parse(await callHandler('/usr/bin/python3', ['-c', program], exampleFunctions.report.folder))
}

const batch = (first: number, packages: readonly object[]) => ({
  Records: packages.map((one, n) => ({
    jetstream: { sequenceNumber: `${first + n}`, data: Buffer.from(JSON.stringify(one)).toString('base64') },
  })),
})
const debian = (name: string, section: string, licence: string) => ({
  kind: 'dpkg',
  name,
  version: '1',
  bytes: 1_024,
  section,
  licence,
})

it('keeps a ledger of batches and reports each package once', async () => {
  expect(await report()).toMatchObject({ packages: 0, batches: 0 })

  await ledger(batch(1, [debian('a', 'libs', 'GPL-2+'), debian('b', 'contrib/libs', 'Expat')]))
  await ledger(batch(3, [debian('c', 'net', '(MIT OR Apache-2.0)')]))
  await ledger(batch(4, [{ kind: 'npm', name: 'd', version: '2.0.0', bytes: 5 }]))
  // The same record again, in a batch with other bounds.
  await ledger(batch(2, [debian('b', 'contrib/libs', 'Expat'), debian('c', 'net', '(MIT OR Apache-2.0)')]))

  expect([...(objects ?? new Map()).keys()]).toContain('batches/000000000001-000000000002.json')
  expect(await report()).toEqual({
    packages: 4,
    bytes: 3 * 1_024 + 5,
    batches: 4,
    kinds: [
      { name: 'dpkg', packages: 3, bytes: 3_072 },
      { name: 'npm', packages: 1, bytes: 5 },
    ],
    sections: [
      { name: 'libs', packages: 2, bytes: 2_048 },
      { name: 'javascript', packages: 1, bytes: 5 },
    ],
    licences: [
      { name: 'MIT', packages: 2, bytes: 2_048 },
      { name: 'GPL', packages: 1, bytes: 1_024 },
    ],
  })
})
