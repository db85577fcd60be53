import { err, ok } from '@weft/contracts'
import { expect, test } from 'vitest'
import { CodeCollector } from './code-collector.ts'
import { FunctionIndex } from './function-index.ts'
import type { CodeInventory, StoredPackage } from './ports.ts'
import { recordNamed } from './testing/records.ts'

const graceMs = 60

class Shelf implements Pick<CodeInventory, 'list' | 'remove'> {
  readonly packages = new Map<string, StoredPackage>()
  #revision = 0
  beforeRemove: (digest: string) => void = () => undefined

  put(digest: string, storedAtMs: number): void {
    this.packages.set(digest, { digest, storedAtMs, revision: ++this.#revision })
  }
  list() {
    return Promise.resolve([...this.packages.values()])
  }
  remove(digest: string, revision: number) {
    this.beforeRemove(digest)
    if (this.packages.get(digest)?.revision !== revision) return Promise.resolve(err('conflict' as const))
    this.packages.delete(digest)
    return Promise.resolve(ok(undefined))
  }
}

function stage() {
  const shelf = new Shelf()
  const at = { ms: 0 }
  const named = { now: new Set<string>() as ReadonlySet<string> | undefined }
  const collector = new CodeCollector({ inventory: shelf, inUse: () => named.now, graceMs, now: () => at.ms })
  const sweepAt = (ms: number) => {
    at.ms = ms
    return collector.sweep()
  }
  return { shelf, named, sweepAt }
}

test('what nothing names goes after the time of grace, what is named stays', async () => {
  const { shelf, named, sweepAt } = stage()
  shelf.put('kept', 0)
  shelf.put('left', 0)
  named.now = new Set(['kept'])
  expect(await sweepAt(1_000)).toEqual([])
  expect(await sweepAt(1_059)).toEqual([])
  expect(await sweepAt(1_060)).toEqual(['left'])
  expect([...shelf.packages.keys()]).toEqual(['kept'])
})

test('the time starts again when something names it in between, and when it was put again', async () => {
  const { shelf, named, sweepAt } = stage()
  shelf.put('a', 0)
  await sweepAt(0)
  named.now = new Set(['a'])
  await sweepAt(40)
  named.now = new Set()
  await sweepAt(50)
  expect(await sweepAt(100)).toEqual([])
  shelf.put('a', 105)
  expect(await sweepAt(120)).toEqual([])
  expect(await sweepAt(165)).toEqual(['a'])
})

test('while it is not known what is named, nothing goes and the time starts again', async () => {
  const { shelf, named, sweepAt } = stage()
  shelf.put('a', 0)
  await sweepAt(0)
  named.now = undefined
  expect(await sweepAt(200)).toEqual([])
  named.now = new Set()
  expect(await sweepAt(210)).toEqual([])
  expect(await sweepAt(270)).toEqual(['a'])
})

test('a package that is put while it is looked at stays', async () => {
  const { shelf, sweepAt } = stage()
  shelf.put('a', 0)
  await sweepAt(0)
  shelf.beforeRemove = (digest) => shelf.put(digest, 100)
  expect(await sweepAt(100)).toEqual([])
  expect(shelf.packages.has('a')).toBe(true)
})

test('functions name their code and layers, their versions theirs', () => {
  const index = new FunctionIndex()
  const record = recordNamed('f')
  const key = { accountId: record.accountId, functionName: record.functionName }
  const layer = { arn: 'l', digest: 'of layer', sizeBytes: 1, unzippedBytes: 1 }
  index.put({ kind: 'function', ...key }, { ...record, latest: { ...record.latest, layers: [layer] } })
  const version = { ...record.latest, version: '1', code: { ...record.latest.code, digest: 'of version' } }
  index.put({ kind: 'version', ...key, qualifier: '1' }, { ...key, version })
  expect([...index.codeInUse()].toSorted()).toEqual(['ab', 'of layer', 'of version'])
})
