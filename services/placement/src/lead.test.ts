import {
  type AccountId,
  accountId,
  type FunctionRecord,
  functionName,
  type IsolationClass,
  isolationTag,
  type SnapStartEntry,
  sandboxKey,
} from '@weft/contracts'
import type {
  DispatcherFrame,
  PlacementToDispatcherFrame,
  PlacementToWorkerFrame,
  WorkerFrame,
} from '@weft/contracts/placement'
import { MemoryLeaderBoard, stageSpec } from '@weft/placement/testing'
import { type Channel, memoryChannelPair, silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import type { Catalogue, CatalogueChange } from '@weft/registry'
import { MemoryCollection, MemoryStore, recordNamed } from '@weft/registry/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { type PlacementService, startPlacement } from './service.ts'
import { MemoryProvisionedBook } from './testing/memory-book.ts'

const account = accountId('000000000001')

/** Catalogue of one account whose limits a test may change. */
class TestCatalogue {
  limit = 10
  reserved: number | undefined
  isolation: IsolationClass | undefined
  known: readonly { readonly accountId: AccountId }[] = []
  tags: Readonly<Record<string, string>> = {}
  revisionId = 'r1'
  versions: { readonly version: string; readonly revisionId: string }[] = []
  #listener: ((change: CatalogueChange) => void) | undefined

  change(kind: CatalogueChange['kind']): void {
    const key = { function: `${account}.f`, version: `${account}.f.version.1`, alias: `${account}.f.alias.a` }
    this.#listener?.({ kind, key: kind === 'account' || kind === 'mapping' ? account : key[kind], removed: false })
  }

  readonly catalogue = {
    accounts: () => this.known,
    account: (id: AccountId) =>
      id === account ? { concurrencyLimit: this.limit, isolation: this.isolation } : undefined,
    function: () => {
      const record = recordNamed('f')
      return { ...record, tags: this.tags, latest: { ...record.latest, revisionId: this.revisionId } }
    },
    versions: () => this.versions,
    functions: () => [
      { functionName: 'f', ...(this.reserved !== undefined && { reservedConcurrency: this.reserved }) },
    ],
    onChange: (listener: (change: CatalogueChange) => void) => {
      this.#listener = listener
      return () => undefined
    },
  } as unknown as Catalogue
}

const later =
  (monotonic: () => number, byMs: number): (() => number) =>
  () =>
    monotonic() + byMs

const settle = async (): Promise<void> => {
  for (let i = 0; i < 30; i++) await Promise.resolve()
}

const services: PlacementService[] = []
afterEach(async () => {
  for (const service of services.splice(0)) await service[Symbol.asyncDispose]()
})

/** One partition, placements on a fake clock, and peers that write down what they hear. */
class Stage {
  readonly clock = new FakeClock()
  readonly board = new MemoryLeaderBoard(this.clock)
  readonly catalogue = new TestCatalogue()
  readonly announced: object[] = []

  async start(instanceId: string): Promise<PlacementService> {
    const service = await startPlacement(
      { instanceId, address: '', partitions: 1 },
      {
        leaders: this.board,
        catalogue: this.catalogue.catalogue,
        provisionedBook: new MemoryProvisionedBook(),
        functions: new MemoryStore<FunctionRecord>(),
        snapStarts: new MemoryCollection<SnapStartEntry>(),
        clock: this.clock,
        random: () => 0.5,
        log: silentLogger,
        announce: (partition, { memoryMb, shortMb }) => this.announced.push({ partition, memoryMb, shortMb }),
      },
    )
    services.push(service)
    await this.pass(100)
    return service
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) {
      this.clock.advance(Math.min(left, 50))
      await settle()
    }
  }

  async dispatcher(placement: PlacementService): Promise<Peer<PlacementToDispatcherFrame, DispatcherFrame>> {
    const [near, far] = memoryChannelPair<PlacementToDispatcherFrame, DispatcherFrame>()
    placement.acceptDispatcher(far)
    const peer = new Peer(near)
    const value = { dispatcherId: 'd', partition: 0, held: [], generation: 1n }
    near.send({ frame: { $case: 'hello', value } })
    await settle()
    return peer
  }

  async worker(placement: PlacementService): Promise<Peer<PlacementToWorkerFrame, WorkerFrame>> {
    const [near, far] = memoryChannelPair<PlacementToWorkerFrame, WorkerFrame>()
    placement.acceptWorker(far)
    const peer = new Peer(near)
    const value = {
      ...{ workerId: 'w', partition: 0, address: '', zone: '', runtimes: ['nodejs24.x'], memoryMb: 1_024n },
      ...{
        runtimeVersions: [],
        networks: [],
        isolation: 'container',
        sandboxes: [],
        generation: 1n,
        parallelStarts: 0,
      },
    }
    near.send({ frame: { $case: 'hello', value } })
    await settle()
    return peer
  }
}

class Peer<In extends { readonly frame?: { readonly $case: string } | undefined }, Out> {
  readonly heard: string[] = []
  readonly frames: In[] = []
  readonly channel: Channel<In, Out>
  closed = false

  constructor(channel: Channel<In, Out>) {
    this.channel = channel
    channel.receive((heard) => {
      this.frames.push(heard)
      this.heard.push(heard.frame?.$case ?? 'nothing')
    })
    void channel.closed.then(() => {
      this.closed = true
    })
  }
}

const acquire = (seq: bigint): DispatcherFrame => ({
  frame: {
    $case: 'acquire',
    value: { seq, spec: stageSpec('f'), requestId: '', deadlineMs: 0n, waitMs: 60_000 },
  },
})

describe('a placement', () => {
  it('claims a free lead and grants under it', async () => {
    const stage = new Stage()
    const placement = await stage.start('a')
    expect(stage.board.leader(0)).toMatchObject({ instanceId: 'a', epoch: 1 })
    const worker = await stage.worker(placement)
    const dispatcher = await stage.dispatcher(placement)
    dispatcher.channel.send(acquire(1n))
    await settle()
    expect(worker.heard).toEqual(['welcome', 'start'])
    expect(dispatcher.heard).toEqual(['welcome'])
    expect(placement.problems()).toEqual([])
    expect(placement.details()).toMatchObject({ leads: [{ partition: 0, epoch: 1, starting: 1 }] })
  })

  it('asks workers for the isolation that account and tag need, and refuses what none offers', async () => {
    const stage = new Stage()
    stage.catalogue.isolation = 'container'
    const placement = await stage.start('a')
    const worker = await stage.worker(placement)
    const dispatcher = await stage.dispatcher(placement)
    dispatcher.channel.send(acquire(1n))
    await settle()
    const started = worker.frames.at(-1)?.frame
    expect(started).toMatchObject({ $case: 'start', value: { spec: { isolation: 'container' } } })
    if (started?.$case !== 'start') return
    worker.channel.send({ frame: { $case: 'ready', value: { sandboxId: started.value.sandboxId } } })
    await settle()
    stage.catalogue.tags = { [isolationTag]: 'gvisor' }
    stage.catalogue.change('function')
    await settle()
    expect(dispatcher.heard).toEqual(['welcome', 'granted', 'recall'])
    await stage.pass(20_000)
    dispatcher.channel.send(acquire(2n))
    await stage.pass(100)
    expect(dispatcher.frames.at(-1)?.frame).toMatchObject({
      ...{ $case: 'denied' },
      value: { reason: 7, detail: 'no worker offers the runtime nodejs24.x and the isolation gvisor' },
    })
  })

  it('remembers a worker on the board before it takes part', async () => {
    const stage = new Stage()
    const placement = await stage.start('a')
    stage.board.unreachable = true
    const worker = await stage.worker(placement)
    expect(worker.heard).toEqual([])
    stage.board.unreachable = false
    await stage.pass(300)
    expect(worker.heard).toEqual(['welcome'])
    expect(stage.board.leader(0)?.workers).toEqual([{ workerId: 'w', slots: 8 }])
  })

  it('leaves one lead to one of two, and hands it on when the leader stops', async () => {
    const stage = new Stage()
    const first = await stage.start('a')
    const second = await stage.start('b')
    expect(stage.board.leader(0)?.instanceId).toBe('a')
    const lost = await stage.dispatcher(second)
    expect(lost.closed).toBe(true)
    await first[Symbol.asyncDispose]()
    await stage.pass(100)
    expect(stage.board.leader(0)).toMatchObject({ instanceId: 'b', epoch: 2 })
  })

  it('stops acting when it cannot renew in time, before anybody else may claim', async () => {
    const stage = new Stage()
    const placement = await stage.start('a')
    const dispatcher = await stage.dispatcher(placement)
    stage.board.unreachable = true
    await stage.pass(1_800)
    expect(dispatcher.closed).toBe(false)
    await stage.pass(1_100)
    expect(dispatcher.closed).toBe(true)
    expect(stage.board.leader(0)?.epoch).toBe(1)
    stage.board.unreachable = false
    await stage.pass(3_000)
    expect(stage.board.leader(0)?.epoch).toBe(2)
  })

  it('stands again when its claim was answered so late that the lead is over before it begins', async () => {
    const stage = new Stage()
    stage.catalogue.known = [{ accountId: account }]
    const claim = stage.board.claim.bind(stage.board)
    let claims = 0
    stage.board.claim = async (...args) => {
      const claimed = await claim(...args)
      // The first answer takes nearly as long as the lead would last.
      if (++claims === 1)
        Object.assign(stage.clock, { monotonic: later(stage.clock.monotonic.bind(stage.clock), 3_000) })
      return claimed
    }
    await stage.start('a')
    await stage.pass(10_000)
    expect(claims).toBeGreaterThan(1)
    expect(stage.board.leader(0)?.epoch).toBe(claims)
  })

  it('grants nothing after a long stop of its process, whatever waits in its sockets', async () => {
    const stage = new Stage()
    const placement = await stage.start('a')
    const worker = await stage.worker(placement)
    const dispatcher = await stage.dispatcher(placement)
    // Timers and promises stand still; only time goes by.
    dispatcher.channel.send(acquire(1n))
    const timers = stage.clock.nextTimerAt ?? 0
    expect(timers).toBeGreaterThan(0)
    Object.assign(stage.clock, { monotonic: () => 1_000_000 })
    await settle()
    expect(worker.heard).toEqual(['welcome'])
    expect(dispatcher.closed).toBe(true)
  })

  it('applies limits of the catalogue as they change', async () => {
    const stage = new Stage()
    stage.catalogue.reserved = 0
    const placement = await stage.start('a')
    await stage.worker(placement)
    const dispatcher = await stage.dispatcher(placement)
    dispatcher.channel.send(acquire(1n))
    await settle()
    expect(dispatcher.heard).toEqual(['welcome', 'denied'])
    stage.catalogue.reserved = undefined
    stage.catalogue.change('function')
    dispatcher.channel.send(acquire(2n))
    await settle()
    expect(placement.details()).toMatchObject({ leads: [{ starting: 1 }] })
  })

  it('keeps the sandboxes of a version when $LATEST changes, and ends them when the version is deleted', async () => {
    const stage = new Stage()
    stage.catalogue.versions = [{ version: '1', revisionId: 'v1' }]
    const placement = await stage.start('a')
    const worker = await stage.worker(placement)
    const dispatcher = await stage.dispatcher(placement)
    const ask = (seq: bigint, version: string, revisionId: string): void => {
      const key = sandboxKey(account, functionName('f'), version, revisionId)
      const spec = stageSpec('f', { sandboxKey: key, version })
      const value = { seq, spec, requestId: '', deadlineMs: 0n, waitMs: 60_000 }
      dispatcher.channel.send({ frame: { $case: 'acquire', value } })
    }
    ask(1n, '$LATEST', 'r1')
    ask(2n, '1', 'v1')
    await settle()
    for (const { frame } of worker.frames)
      if (frame?.$case === 'start') {
        const { sandboxId } = frame.value
        worker.channel.send({ frame: { $case: 'ready', value: { sandboxId } } })
      }
    await settle()
    expect(dispatcher.heard).toEqual(['welcome', 'granted', 'granted'])
    stage.catalogue.revisionId = 'r2'
    stage.catalogue.change('function')
    stage.catalogue.change('alias')
    await settle()
    expect(dispatcher.heard.slice(3)).toEqual(['recall'])
    stage.catalogue.versions = []
    stage.catalogue.change('version')
    await settle()
    expect(dispatcher.heard.slice(4)).toEqual(['recall'])
  })

  it('tells who adds workers what there is and what is missing', async () => {
    const stage = new Stage()
    const placement = await stage.start('a')
    await stage.worker(placement)
    const dispatcher = await stage.dispatcher(placement)
    const spec = stageSpec('f', { memoryMb: 1_024 })
    for (const seq of [1n, 2n])
      dispatcher.channel.send({
        frame: { $case: 'acquire', value: { seq, spec, requestId: '', deadlineMs: 0n, waitMs: 60_000 } },
      })
    await stage.pass(2_000)
    expect(stage.announced.at(-1)).toEqual({ partition: 0, memoryMb: 1_024, shortMb: 1_024 })
  })

  it('hangs up on those who say something else than hello, or nothing', async () => {
    const stage = new Stage()
    const placement = await stage.start('a')
    const [near, far] = memoryChannelPair<PlacementToDispatcherFrame, DispatcherFrame>()
    placement.acceptDispatcher(far)
    const peer = new Peer(near)
    near.send(acquire(1n))
    await settle()
    expect(peer.closed).toBe(true)
    const [silent, other] = memoryChannelPair<PlacementToDispatcherFrame, DispatcherFrame>()
    placement.acceptDispatcher(other)
    const mute = new Peer(silent)
    await stage.pass(10_050)
    expect(mute.closed).toBe(true)
  })
})
