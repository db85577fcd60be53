import { beforeEach, describe, expect, it } from 'vitest'
import { doorRequest, readBody, testAuthorizer } from '../testing.ts'
import { memoryObjectStore } from './memory-store.ts'
import { silentNotifier } from './notifications/testing.ts'
import { s3Door } from './s3-door.ts'

let door: ReturnType<typeof s3Door>

async function send(method: string, url: string, body = '', headers: Record<string, string> = {}) {
  const [rawPath = '', rawQuery = ''] = url.split('?')
  const response = await door.handle(doorRequest({ method, rawPath, rawQuery, headers, body: Buffer.from(body) }))
  const text = (await readBody(response)).toString()
  const all = (name: string) => [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, one]) => one)
  return {
    ...{ status: response.status, text, all, code: all('Code')[0] },
    version: response.headers['x-amz-version-id'] ?? '',
    isMark: response.headers['x-amz-delete-marker'] === 'true',
  }
}
const versioning = (status: string) =>
  send('PUT', '/things?versioning', `<VersioningConfiguration><Status>${status}</Status></VersioningConfiguration>`)
const put = async (body: string, key = 'a') => (await send('PUT', `/things/${key}`, body)).version
const get = async (version?: string) => send('GET', `/things/a${version === undefined ? '' : `?versionId=${version}`}`)

beforeEach(async () => {
  let now = Date.UTC(2026, 0, 15)
  const store = memoryObjectStore(() => now++)
  door = s3Door({ store, authorizer: testAuthorizer(), region: 'us-east-1', notifier: silentNotifier() })
  await send('PUT', '/things')
})

describe('a bucket', () => {
  it('keeps no versions until it is told to', async () => {
    expect((await send('GET', '/things?versioning')).text).not.toContain('Status')
    expect(await put('one')).toBe('')
    await versioning('Enabled')
    expect((await send('GET', '/things?versioning')).all('Status')).toEqual(['Enabled'])
    expect(await put('two')).toMatch(/^[\w-]{32}$/)
    expect((await get('null')).text).toBe('one')
    expect((await get()).text).toBe('two')
    await versioning('Suspended')
    expect(await put('three')).toBe('null')
    expect((await send('GET', '/things?versions')).all('VersionId')).toHaveLength(2)
    expect((await send('PUT', '/things?versioning', '<VersioningConfiguration/>')).code).toBe(
      'IllegalVersioningConfigurationException',
    )
    expect((await send('GET', '/nothing?versioning')).code).toBe('NoSuchBucket')
  })
})

describe('versions of an object', () => {
  it('are each there to read, and the newest without an id', async () => {
    await versioning('Enabled')
    const [first, second] = [await put('one'), await put('two')]
    expect(await get(first)).toMatchObject({ status: 200, text: 'one', version: first })
    expect(await get()).toMatchObject({ text: 'two', version: second })
    expect(await send('HEAD', `/things/a?versionId=${first}`)).toMatchObject({ status: 200, version: first })
    expect(await get('A'.repeat(32))).toMatchObject({ status: 404, code: 'NoSuchVersion' })
    for (const id of ['', 'x', '../a', 'A'.repeat(33)]) expect((await get(id)).code).toBe('InvalidArgument')
    const copied = await send('PUT', '/things/b', '', { 'x-amz-copy-source': `/things/a?versionId=${first}` })
    expect(copied.version).toMatch(/^[\w-]{32}$/)
    expect((await send('GET', '/things/b')).text).toBe('one')
  })

  it('survive a deletion, which is taken back by deleting its mark', async () => {
    await versioning('Enabled')
    const first = await put('one')
    const mark = await send('DELETE', '/things/a')
    expect(mark).toMatchObject({ status: 204, isMark: true })
    expect(await get()).toMatchObject({ status: 404, code: 'NoSuchKey', isMark: true })
    expect(await get(mark.version)).toMatchObject({ status: 405, code: 'MethodNotAllowed', isMark: true })
    expect((await get(first)).text).toBe('one')
    expect((await send('GET', '/things?list-type=2')).all('Key')).toEqual([])
    const listed = await send('GET', '/things?versions')
    expect(listed.text).toContain('<DeleteMarker><Key>a</Key>')
    expect(listed.all('IsLatest')).toEqual(['false', 'true'])
    expect((await send('DELETE', '/things')).code).toBe('BucketNotEmpty')
    expect(await send('DELETE', `/things/a?versionId=${mark.version}`)).toMatchObject({ status: 204, isMark: true })
    expect((await get()).text).toBe('one')
    expect(await send('DELETE', `/things/a?versionId=${first}`)).toMatchObject({ version: first, isMark: false })
    expect(await get()).toMatchObject({ code: 'NoSuchKey', isMark: false })
    expect((await send('DELETE', '/things')).status).toBe(204)
  })

  it('go one by one in a batch', async () => {
    await versioning('Enabled')
    const [first, second] = [await put('one'), await put('two')]
    const objects = `<Object><Key>a</Key><VersionId>${second}</VersionId></Object><Object><Key>b</Key></Object>`
    const done = await send('POST', '/things?delete', `<Delete>${objects}</Delete>`)
    expect(done.all('VersionId')).toEqual([second])
    expect(done.all('DeleteMarker')).toEqual(['true'])
    expect(await get()).toMatchObject({ text: 'one', version: first })
  })

  it('are listed page by page, each once', async () => {
    await versioning('Enabled')
    const made: string[] = []
    for (const key of ['a', 'b/1', 'b/2', 'c']) for (const n of [1, 2, 3]) made.push(await put(`${n}`, key))
    const found: (string | undefined)[] = []
    let markers = ''
    for (;;) {
      const page = await send('GET', `/things?versions&max-keys=5${markers}`)
      found.push(...page.all('VersionId'))
      const [key] = page.all('NextKeyMarker')
      if (key === undefined) break
      markers = `&key-marker=${encodeURIComponent(key)}&version-id-marker=${page.all('NextVersionIdMarker')[0]}`
    }
    expect(found.toSorted()).toEqual(made.toSorted())
    const rolled = await send('GET', '/things?versions&delimiter=/')
    expect(rolled.all('Prefix')).toEqual(['', 'b/'])
    expect(rolled.all('Key')).toEqual(['a', 'a', 'a', 'c', 'c', 'c'])
    expect((await send('GET', '/things?versions&prefix=b/')).all('Key')).toHaveLength(6)
    expect((await send('GET', '/things?versions&version-id-marker=x')).code).toBe('InvalidArgument')
  })
})
