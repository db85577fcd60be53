import type { MappingSource, SourceRecord } from '@weft/delivery'
import { FakeClock } from '@weft/platform/testing'
import { expect, it } from 'vitest'
import { MergedSource } from './merged-source.ts'

const record = (id: string): SourceRecord => ({
  ...{ id, json: '{}', eventBytes: 3, storedAtMs: 0, orderKey: '', receiveCount: 1, raw: new Uint8Array() },
  view: { members: {} },
})

class Part implements MappingSource {
  readonly order = 'ordered'
  readonly incarnation = 'i'
  readonly frame = { kind: 'records' } as const
  readonly batchInfo = 'Info'
  readonly visibilityMs = 0
  readonly settled: string[] = []
  answers: (readonly SourceRecord[] | Error)[] = []
  closed = false
  #waiting: ((records: readonly SourceRecord[]) => void) | undefined

  read(): Promise<readonly SourceRecord[]> {
    const answer = this.answers.shift()
    if (answer instanceof Error) return Promise.reject(answer)
    if (answer) return Promise.resolve(answer)
    return new Promise((resolve) => {
      this.#waiting = resolve
    })
  }
  arrive(...records: SourceRecord[]): void {
    this.#waiting?.(records)
  }
  held(): boolean {
    return true
  }
  async extend(): Promise<void> {}
  async settle(records: readonly SourceRecord[]): Promise<void> {
    this.settled.push(...records.map(({ id }) => id))
  }
  giveBack(): void {}
  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true
  }
}

const signal = new AbortController().signal

it('gives what either has, each in its order, and settles with whom it came from', async () => {
  const [a, b] = [new Part(), new Part()]
  a.answers = [[record('a1'), record('a2')]]
  b.answers = [[record('b1')]]
  const source = new MergedSource([a, b], new FakeClock())
  const read: SourceRecord[] = []
  while (read.length < 3) read.push(...(await source.read(10, 1_000, signal)))
  expect(read.map(({ id }) => id).filter((id) => id.startsWith('a'))).toEqual(['a1', 'a2'])
  await source.settle(read)
  expect([a.settled, b.settled]).toEqual([['a1', 'a2'], ['b1']])
  await source[Symbol.asyncDispose]()
  expect([a.closed, b.closed]).toEqual([true, true])
})

it('does not wait for an idle part, and reads no part twice at a time', async () => {
  const [idle, busy] = [new Part(), new Part()]
  busy.answers = [[record('1')], [record('2')]]
  const source = new MergedSource([idle, busy], new FakeClock())
  const ids: string[] = []
  while (ids.length < 2) ids.push(...(await source.read(10, 1_000, signal)).map(({ id }) => id))
  const next = source.read(10, 1_000, signal)
  idle.arrive(record('late'))
  expect([...ids, ...(await next).map(({ id }) => id)]).toEqual(['1', '2', 'late'])
})

it('is lost with any of its parts', async () => {
  const [whole, broken] = [new Part(), new Part()]
  broken.answers = [new Error('gone')]
  const source = new MergedSource([whole, broken], new FakeClock())
  await expect(source.read(10, 1_000, signal)).rejects.toThrow('gone')
  expect(source.held()).toBe(false)
})
