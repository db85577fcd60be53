import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { accountId, catalogueKeys, type FunctionRecord, functionName, type ImageLayer } from '@weft/contracts'
import { silentLogger as log } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { createFunction, importClaimMs, publish, updateFunctionCode } from '@weft/registry'
import { MemoryCatalogue, MemoryCodeStore } from '@weft/registry/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ImageFailure } from './image-failure.ts'
import { ImageImports } from './image-imports.ts'

const account = accountId('123456789012')
const scope = { accountId: account, region: 'us-east-1' }
const offer = { runtimes: [], architectures: ['x86_64'] as const }
const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const blobOf = (name: string): Buffer => gzipSync(`layer ${name}`)
const layerOf = (name: string): ImageLayer => {
  const blob = blobOf(name)
  return { digest: digestOf(blob), sizeBytes: blob.length, compression: 'gzip' }
}
const codeOf = (...names: string[]) => ({
  ...{ digest: names.join(''), sha256: names.join(''), sizeBytes: 1 },
  image: { imageUri: 'reg.lan/i', resolvedImageUri: `reg.lan/i@sha256:${names.join('')}`, layers: names.map(layerOf) },
})
const blobs = new Map(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => [layerOf(name).digest, blobOf(name)]))

let catalogue: MemoryCatalogue
let code: MemoryCodeStore
let clock: FakeClock
let opened: AsyncDisposableStack
/** Digests of the layers that were asked for, in order. */
let asked: string[]
/** Of those, the ones that were read. */
let begun: string[]
let source: (layer: ImageLayer, signal: AbortSignal) => AsyncIterable<Uint8Array>

async function* stored({ digest }: ImageLayer): AsyncGenerator<Uint8Array> {
  yield blobs.get(digest) ?? Buffer.alloc(0)
}

beforeEach(() => {
  catalogue = new MemoryCatalogue()
  catalogue.accountStore.put(account, { accountId: account, name: 'one', concurrencyLimit: 1, accessKeys: [] })
  code = new MemoryCodeStore()
  clock = new FakeClock()
  opened = new AsyncDisposableStack()
  asked = []
  begun = []
  source = stored
})
afterEach(() => opened.disposeAsync())

const start = (): ImageImports => {
  const layer = (_image: unknown, layer: ImageLayer, signal: AbortSignal) => {
    asked.push(layer.digest)
    return (async function* () {
      begun.push(layer.digest)
      yield* source(layer, signal)
    })()
  }
  return opened.use(new ImageImports({ catalogue, stores: catalogue.stores, code, images: { layer }, clock, log }))
}
const recordOf = (name: string): FunctionRecord | undefined => catalogue.function(account, functionName(name))
const revisionOf = async (name: string): Promise<number> =>
  (await catalogue.stores.functions.read(keyOf(name)))?.revision ?? 0
const keyOf = (name: string): string => catalogueKeys.function(account, functionName(name))

async function create(
  name: string,
  change: Partial<FunctionRecord> = {},
  ...layers: string[]
): Promise<FunctionRecord> {
  const input = { FunctionName: name, Role: `arn:aws:iam::${account}:role/r`, PackageType: 'Image' as const }
  const stamp = { nowMs: clock.now(), revisionId: `of ${name}` }
  const content = { code: codeOf(...(layers.length > 0 ? layers : ['a', 'b'])) }
  const made = createFunction(undefined, input, content, scope, offer, stamp)
  if (!made.ok) throw new Error(made.error.message)
  const record = { ...made.value, ...change }
  await catalogue.stores.functions.create(keyOf(name), record)
  return record
}
/** Waits until that is so; what is under test goes on by itself, and the clock only where a step says so. */
async function until(holds: () => boolean, stepMs = 0): Promise<void> {
  while (!holds()) {
    clock.advance(stepMs)
    await turn()
  }
}

test('the image of a function is brought, each layer once, and the function is Active', async () => {
  start()
  await create('f')
  await until(() => recordOf('f')?.latest.state === 'Active')
  expect([...code.packages.keys()].sort()).toEqual([layerOf('a').digest, layerOf('b').digest].sort())
  await create('g', {}, 'a', 'c')
  await until(() => recordOf('g')?.latest.state === 'Active')
  expect(code.packages.size).toBe(3)
  expect(recordOf('g')).not.toHaveProperty('imageImport')
})

test('what was asked for before a start is brought after it', async () => {
  await create('f')
  start()
  await until(() => recordOf('f')?.latest.state === 'Active')
})

test('the version that was published with it becomes Active first, whether it was stored already or not', async () => {
  for (const isStored of [true, false]) {
    const name = isStored ? 'stored' : 'not-stored'
    const fresh = await create(name)
    const { record, published } = publish(fresh, undefined, { nowMs: 5, revisionId: 'v1' })
    const key = catalogueKeys.version(account, functionName(name), '1')
    if (isStored) await catalogue.stores.versions.create(key, published)
    await catalogue.stores.functions.replace(keyOf(name), record, await revisionOf(name))
    const imports = start()
    await until(() => recordOf(name)?.latest.state === 'Active')
    expect((await catalogue.stores.versions.read(key))?.value).toMatchObject({
      version: { version: '1', revisionId: 'v1', state: 'Active' },
    })
    await imports[Symbol.asyncDispose]()
  }
})

test('another image takes the place of the one before when it is there', async () => {
  start()
  const before = await create('f')
  await until(() => recordOf('f')?.latest.state === 'Active')
  const now = await catalogue.stores.functions.read(keyOf('f'))
  const updated = updateFunctionCode(
    now?.value,
    { FunctionName: 'f', ImageUri: 'reg.lan/i' },
    { code: codeOf('c') },
    scope,
    offer,
    { nowMs: 9, revisionId: 'second' },
  )
  if (!updated.ok || !now) throw new Error('not updated')
  expect(updated.value.latest.code).toEqual(before.latest.code)
  await catalogue.stores.functions.replace(keyOf('f'), updated.value, now.revision)
  await until(() => recordOf('f')?.latest.lastUpdateStatus === 'Successful')
  expect(recordOf('f')?.latest).toMatchObject({ code: codeOf('c'), revisionId: 'second' })
})

test.each([
  ['missing', 'ImageDeleted'],
  ['denied', 'ImageAccessDenied'],
  ['invalid', 'InvalidImage'],
  ['too-large', 'InvalidImage'],
  ['unsupported', 'InvalidImage'],
] as const)('an image that is %s fails the function with %s', async (kind, stateReasonCode) => {
  // biome-ignore lint/correctness/useYield: it fails before there is anything.
  source = async function* () {
    throw new ImageFailure(kind, 'no')
  }
  start()
  await create('f')
  await until(() => recordOf('f')?.latest.state === 'Failed')
  expect(recordOf('f')?.latest).toMatchObject({ stateReasonCode, stateReason: expect.stringMatching(/image/) })
  expect(asked).toHaveLength(1)
})

test.each([
  [
    'other bytes',
    async function* () {
      yield blobOf('other')
    },
  ],
  [
    'bytes that cannot be unpacked',
    async function* () {
      yield Buffer.from('x')
    },
  ],
  ['nothing', async function* () {}],
])('%s make an invalid image', async (_what, wrong) => {
  source = wrong
  start()
  await create('f')
  await until(() => recordOf('f')?.latest.state === 'Failed')
  expect(recordOf('f')?.latest.stateReasonCode).toBe('InvalidImage')
  expect(code.packages.size).toBe(0)
})

test('a registry that does not answer is asked again, and not without end', async () => {
  let faults = 2
  source = (layer) => {
    if (faults-- > 0) throw new ImageFailure('unreachable', 'away')
    return stored(layer)
  }
  start()
  await create('f')
  await until(() => recordOf('f')?.latest.state === 'Active', 1_000)
  faults = 99
  await create('g', {}, 'c')
  await until(() => recordOf('g')?.latest.state === 'Failed', 1_000)
  expect(recordOf('g')?.latest.stateReasonCode).toBe('InternalError')
})

test('a store without room is told', async () => {
  code.putStream = () => Promise.resolve({ ok: false, error: 'full' })
  start()
  await create('f')
  await until(() => recordOf('f')?.latest.state === 'Failed')
  expect(recordOf('f')?.latest.stateReason).toContain('no room')
})

test('a store that is away is tried again as long as it takes', async () => {
  const put = code.putStream.bind(code)
  let faults = 20
  code.putStream = (...args) => (faults-- > 0 ? Promise.reject(new Error('away')) : put(...args))
  start()
  await create('f')
  await until(() => recordOf('f')?.latest.state === 'Active', 1_000)
})

test('one that another holds is left alone until its claim has lapsed', async () => {
  await create('f', { imageImport: { attempts: 1, claim: { by: 'other', untilMs: clock.now() + importClaimMs } } })
  start()
  clock.advance(importClaimMs - 1)
  for (let i = 0; i < 20; i++) await turn()
  expect(asked).toEqual([])
  await until(() => recordOf('f')?.latest.state === 'Active', 1_000)
})

test('a claim is renewed as long as it takes, so that of two one brings the image', async () => {
  const released = Promise.withResolvers<void>()
  source = async function* (layer) {
    await released.promise
    yield* stored(layer)
  }
  start()
  start()
  await create('f')
  await until(() => asked.length > 0)
  for (let passed = 0; passed < 10 * importClaimMs; passed += 5_000) {
    clock.advance(5_000)
    for (let i = 0; i < 5; i++) await turn()
  }
  expect(asked).toHaveLength(1)
  released.resolve()
  await until(() => recordOf('f')?.latest.state === 'Active')
  expect(asked).toHaveLength(2)
})

test('who is stopped leaves it to another', async () => {
  source = async function* (layer, signal) {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    yield* stored(layer)
  }
  const first = start()
  await create('f')
  await until(() => asked.length === 1)
  await first[Symbol.asyncDispose]()
  expect(recordOf('f')).toMatchObject({ latest: { state: 'Pending' }, imageImport: { attempts: 0 } })
  source = stored
  start()
  // At once: no claim has to lapse first.
  await until(() => recordOf('f')?.latest.state === 'Active')
})

test('a function that is deleted meanwhile has nothing brought any more', async () => {
  const aborted = Promise.withResolvers<void>()
  source = async function* (layer, signal) {
    signal.addEventListener('abort', () => aborted.resolve())
    await aborted.promise
    yield* stored(layer)
  }
  start()
  await create('f')
  await until(() => asked.length === 1)
  await catalogue.stores.functions.remove(keyOf('f'), await revisionOf('f'))
  clock.advance(importClaimMs)
  await aborted.promise
  await turn()
  expect(recordOf('f')).toBe(undefined)
})

test('a function that is made anew meanwhile waits for its own image', async () => {
  const gates = new Map(['a', 'c'].map((name) => [layerOf(name).digest, Promise.withResolvers<void>()]))
  source = async function* (layer) {
    await gates.get(layer.digest)?.promise
    yield* stored(layer)
  }
  start()
  await create('f')
  await until(() => begun.length === 1)
  await catalogue.stores.functions.remove(keyOf('f'), await revisionOf('f'))
  await create('f', {}, 'c')
  gates.get(layerOf('a').digest)?.resolve()
  await until(() => begun.includes(layerOf('c').digest))
  expect(recordOf('f')?.latest.state).toBe('Pending')
  gates.get(layerOf('c').digest)?.resolve()
  await until(() => recordOf('f')?.latest.state === 'Active')
})

test('one whose processes always died is given up', async () => {
  await create('f', { imageImport: { attempts: 5, claim: { by: 'dead', untilMs: 0 } } })
  start()
  await until(() => recordOf('f')?.latest.state === 'Failed')
  expect(recordOf('f')?.latest).toMatchObject({ stateReasonCode: 'InternalError', lastUpdateStatus: 'Failed' })
  expect(asked).toEqual([])
})

test('functions that share a layer have it brought once', async () => {
  const released = Promise.withResolvers<void>()
  source = async function* (layer) {
    await released.promise
    yield* stored(layer)
  }
  start()
  await create('f')
  await create('g')
  await until(() => asked.length === 2)
  released.resolve()
  await until(() => ['f', 'g'].every((name) => recordOf(name)?.latest.state === 'Active'))
  expect(begun.filter((digest) => digest === layerOf('a').digest)).toHaveLength(1)
})

test('an image that takes too long is given up', async () => {
  source = async function* (layer, signal) {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    yield* stored(layer)
  }
  start()
  await create('f')
  await until(() => asked.length === 1)
  await until(() => recordOf('f')?.latest.state === 'Failed', 5_000)
  expect(recordOf('f')?.latest.stateReasonCode).toBe('InternalError')
})

test('one account has two at a time, and the others go on', async () => {
  const other = accountId('210987654321')
  catalogue.accountStore.put(other, { accountId: other, name: 'two', concurrencyLimit: 1, accessKeys: [] })
  const released = Promise.withResolvers<void>()
  source = async function* (layer) {
    await released.promise
    yield* stored(layer)
  }
  start()
  for (const name of ['f', 'g', 'h']) await create(name, {}, name)
  await create('x', {}, 'a')
  const theirs = { ...(recordOf('x') as FunctionRecord), accountId: other }
  await catalogue.stores.functions.create(catalogueKeys.function(other, functionName('x')), theirs)
  await until(() => asked.length === 3)
  for (let i = 0; i < 20; i++) await turn()
  expect(asked).toEqual([layerOf('f').digest, layerOf('g').digest, layerOf('a').digest])
  released.resolve()
  await until(() => ['f', 'g', 'h', 'x'].every((name) => recordOf(name)?.latest.state === 'Active'))
})
