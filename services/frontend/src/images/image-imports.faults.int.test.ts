import { gzipSync } from 'node:zlib'
import { accountId, catalogueKeys, functionName, type ImageLayer } from '@weft/contracts'
import { createFaults, type FaultKind, faultyLink, natsError, startNatsServer } from '@weft/kit'
import {
  ensureFabric,
  type NatsLink,
  openCatalogue,
  openCodeInventory,
  openCodeStore,
  openLink,
  openStores,
} from '@weft/nats'
import { type Clock, silentLogger as log, systemClock } from '@weft/platform'
import { testSealer } from '@weft/platform/testing'
import { createFunction, publish } from '@weft/registry'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { digestOf } from '../testing/fake-registry.ts'
import { ImageFailure } from './image-failure.ts'
import { ImageImports } from './image-imports.ts'

const account = accountId('000000000000')
const scope = { accountId: account, region: 'us-east-1' }
const names = Array.from({ length: 12 }, (_, n) => `f${n}`)
const blobs = new Map(['base', ...names].map((name) => [name, gzipSync(`layer ${name} `.repeat(20_000))]))
const layerOf = (name: string): ImageLayer => {
  const blob = blobs.get(name) ?? Buffer.alloc(0)
  return { digest: digestOf(blob), sizeBytes: blob.byteLength, compression: 'gzip' }
}
/** Waits are short; what is measured is not time. */
const hasty: Clock = { ...systemClock, schedule: (delayMs, fn) => systemClock.schedule(delayMs / 100, fn) }

const sealer = testSealer()
const stack = new AsyncDisposableStack()
let link: NatsLink

beforeAll(async () => {
  const server = stack.use(await startNatsServer())
  link = stack.use(await openLink({ servers: [server.url], name: 'test', log, timeoutMs: 2_000 }))
  await ensureFabric(link, { replicas: 1, storageBytes: 2 * 1024 ** 3 })
})
afterAll(() => stack.disposeAsync())

test('two frontends bring every image over a bus and a registry that fail, and leave nothing half done', async () => {
  const catalogue = stack.use(openCatalogue(link, { log, sealer }))
  await catalogue.whenReady
  const stores = openStores(link, catalogue)
  await stores.accounts.create(account, { accountId: account, name: 'one', concurrencyLimit: 1, accessKeys: [] })
  const rates = { timeout: 0.07, 'done-but-timed-out': 0.07, unavailable: 0.06 }
  const faults = createFaults({ seed: 5, rates, error: (kind: FaultKind) => natsError(kind) })
  const failedOnce = new Set<string>()
  async function* layer(_image: unknown, { digest }: ImageLayer): AsyncGenerator<Uint8Array> {
    const blob = [...blobs.values()].find((one) => digestOf(one) === digest) ?? Buffer.alloc(0)
    yield blob.subarray(0, 100)
    if (!failedOnce.has(digest)) {
      failedOnce.add(digest)
      throw new ImageFailure('unreachable', 'it broke')
    }
    yield blob.subarray(100)
  }
  for (let n = 0; n < 2; n++) {
    const faulty = faultyLink(link, faults)
    faults.enabled = false
    const seen = stack.use(openCatalogue(faulty, { log, sealer }))
    await seen.whenReady
    const code = openCodeStore(faulty)
    const imports = { catalogue: seen, stores: openStores(faulty, seen), code, images: { layer }, clock: hasty, log }
    stack.use(new ImageImports(imports))
  }
  faults.enabled = true

  for (const name of names) {
    const layers = [layerOf('base'), layerOf(name)]
    const image = { imageUri: `reg.lan/${name}`, resolvedImageUri: `reg.lan/${name}@sha256:0`, layers }
    const input = { FunctionName: name, Role: 'arn:aws:iam::000000000000:role/r', PackageType: 'Image' } as const
    const content = { code: { digest: name, sha256: name, sizeBytes: 1, image } }
    const offer = { runtimes: [], architectures: ['x86_64'] as const }
    const made = createFunction(undefined, input, content, scope, offer, { nowMs: 0, revisionId: name })
    if (!made.ok) throw new Error(made.error.message)
    const { record } = publish(made.value, undefined, { nowMs: 0, revisionId: `version of ${name}` })
    await stores.functions.create(catalogueKeys.function(account, functionName(name)), record)
  }
  const told = () =>
    names.map((name) => {
      const record = catalogue.function(account, functionName(name))
      const version = catalogue.version(account, functionName(name), '1')
      return [record?.latest.state, record?.imageImport, version?.state, version?.revisionId]
    })
  const done = names.map((name) => ['Active', undefined, 'Active', `version of ${name}`])
  await expect.poll(told, { timeout: 90_000, interval: 200 }).toEqual(done)
  faults.enabled = false
  expect(faults.injected.length).toBeGreaterThan(20)

  const store = openCodeStore(link)
  for (const [name, blob] of blobs) {
    const parts: Uint8Array[] = []
    for await (const part of store.getStream(layerOf(name).digest)) parts.push(part)
    expect(Buffer.concat(parts).equals(blob)).toBe(true)
  }
  const inventory = openCodeInventory(link)
  expect(await inventory.list()).toHaveLength(blobs.size)
  await inventory.removeUnfinished(Date.now() + 60_000)
  const { state } = await link.jsm.streams.info('OBJ_weft-code', { subjects_filter: '$O.weft-code.C.>' })
  expect(Object.keys(state.subjects ?? {})).toHaveLength(blobs.size)
}, 120_000)
