import { availableParallelism } from 'node:os'
import { limits } from '@weft/contracts'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { Clock, Logger } from '@weft/platform'
import { bootEnvironment, type CodeFolders, type RuntimeImage } from '@weft/sandbox'
import { type Body, type BootDeps, type BootRequest, boot } from './boot.ts'

export interface StemOptions {
  readonly images: ReadonlyMap<string, RuntimeImage>
  readonly perRuntime: number
  readonly prewarm: readonly string[]
  readonly boot: BootDeps
  readonly clock: Clock
  readonly log: Logger
}

/** A runtime that nobody has used for this long gets no more stems, and loses those it has. */
const forgetMs = 30 * 60_000
/**
 * How long a refill waits after a stem was taken, ms: it takes as much computing as what the call that took it still has
 * to wait for.
 */
const refillDelayMs = 60
const backoffMs = { first: 500, most: 30_000 }

interface Shelf {
  readonly image: RuntimeImage
  readonly ready: Body[]
  booting: number
  lastUsedMs: number
  failures: number
  notBeforeMs: number
}

/**
 * Empty sandboxes whose runtimes have booted, kept ready per runtime and refilled in the background. More boots at once
 * than there are cores gain nothing, and one that somebody waits for goes first.
 */
export class StemPool {
  readonly #options: StemOptions
  readonly #shelves: ReadonlyMap<string, Shelf>
  /** Boots that somebody waits for. */
  #wanted = 0
  /** Boots under way, wanted ones included. */
  readonly #boots = new Set<Promise<unknown>>()
  /** Stems on their way to a shelf; those that come too late for one are destroyed. */
  readonly #coming = new Set<Promise<void>>()
  #timer: { cancel(): void } | undefined
  #closed = false
  #problem: string | undefined

  constructor(options: StemOptions) {
    this.#options = options
    this.#shelves = new Map(
      [...options.images].map(([id, image]) => [
        id,
        {
          ...{ image, ready: [], booting: 0, failures: 0, notBeforeMs: 0 },
          lastUsedMs: options.prewarm.includes(id) ? options.clock.monotonic() : Number.NEGATIVE_INFINITY,
        },
      ]),
    )
    this.#refill()
  }

  /** What is wrong with the making of sandboxes, if anything. */
  get problem(): string | undefined {
    return this.#problem
  }

  get size(): number {
    let size = 0
    for (const shelf of this.#shelves.values()) size += shelf.ready.length
    return size
  }

  /**
   * A sandbox for the function, by `how` a special one. `code` is bound at once when a sandbox must be made for it; the answer tells whether.
   * Rejects when it cannot be made.
   */
  async take(
    spec: SandboxSpec,
    code: CodeFolders | undefined,
    how: Pick<BootRequest, 'apart' | 'scratch'> = {},
  ): Promise<{ readonly body: Body; readonly hasCode: boolean }> {
    const shelf = this.#shelves.get(spec.runtime)
    if (!shelf) throw new Error(`this worker does not offer ${spec.runtime}`)
    shelf.lastUsedMs = this.#options.clock.monotonic()
    const environment = bootEnvironment(spec.environment)
    // A wrapper script starts the runtime itself, so it cannot have booted before.
    const launched = spec.environment.AWS_LAMBDA_EXEC_WRAPPER ? shelf.image.launched : undefined
    const ordinary =
      launched === undefined &&
      how.apart !== true &&
      !how.scratch &&
      spec.ephemeralStorageMb === limits.ephemeralStorageMb.default &&
      Object.keys(environment).length === 0
    const stem = ordinary ? shelf.ready.shift() : undefined
    if (stem) {
      this.#refillSoon(refillDelayMs)
      return { body: stem, hasCode: false }
    }
    this.#wanted += 1
    try {
      const body = await this.#boot({
        image: launched ?? shelf.image,
        ephemeralStorageMb: spec.ephemeralStorageMb,
        ...(launched === undefined && { environment }),
        ...how,
        ...(code && { code }),
      })
      this.#problem = undefined
      return { body, hasCode: code !== undefined }
    } finally {
      this.#wanted -= 1
      this.#refillSoon(refillDelayMs)
    }
  }

  /** A call of a function of this runtime is to be expected. */
  expect(runtime: string): void {
    const shelf = this.#shelves.get(runtime)
    if (!shelf) return
    shelf.lastUsedMs = this.#options.clock.monotonic()
    this.#refillSoon(refillDelayMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await Promise.allSettled([...this.#boots, ...this.#coming])
    await Promise.all([...this.#shelves.values()].flatMap(({ ready }) => ready.splice(0).map((body) => body.destroy())))
  }

  #boot(request: Parameters<typeof boot>[1]): Promise<Body> {
    const booting = boot(this.#options.boot, request)
    this.#boots.add(booting)
    booting.catch(() => undefined).finally(() => this.#boots.delete(booting))
    return booting
  }

  #refillSoon(delayMs = 0): void {
    if (!this.#closed) this.#options.clock.schedule(delayMs, () => this.#refill())
  }

  #refill(): void {
    if (this.#closed) return
    const { clock, perRuntime } = this.#options
    const now = clock.monotonic()
    let next = Number.POSITIVE_INFINITY
    for (const shelf of this.#shelves.values()) {
      if (now - shelf.lastUsedMs > forgetMs) {
        for (const body of shelf.ready.splice(0)) void body.destroy()
        continue
      }
      next = Math.min(next, shelf.lastUsedMs + forgetMs)
      if (shelf.notBeforeMs > now) {
        next = Math.min(next, shelf.notBeforeMs)
        continue
      }
      while (shelf.ready.length + shelf.booting < perRuntime && this.#mayBoot()) {
        const coming = this.#bootStem(shelf).finally(() => this.#coming.delete(coming))
        this.#coming.add(coming)
      }
    }
    this.#timer?.cancel()
    if (next < Number.POSITIVE_INFINITY) this.#timer = clock.schedule(next - now + 1, () => this.#refill())
  }

  #mayBoot(): boolean {
    return this.#wanted === 0 && this.#boots.size < availableParallelism()
  }

  async #bootStem(shelf: Shelf): Promise<void> {
    const { clock, log } = this.#options
    shelf.booting += 1
    try {
      const body = await this.#boot({
        image: shelf.image,
        ephemeralStorageMb: limits.ephemeralStorageMb.default,
      })
      shelf.failures = 0
      this.#problem = undefined
      await this.#shelve(shelf, body)
    } catch (error) {
      shelf.failures += 1
      shelf.notBeforeMs = clock.monotonic() + Math.min(backoffMs.most, backoffMs.first * 2 ** (shelf.failures - 1))
      this.#problem = `sandboxes for ${shelf.image.id} cannot be made: ${error instanceof Error ? error.message : error}`
      log.error({ err: error, runtime: shelf.image.id }, 'a stem could not be made')
    } finally {
      shelf.booting -= 1
      this.#refillSoon()
    }
  }

  async #shelve(shelf: Shelf, body: Body): Promise<void> {
    if (this.#closed) return body.destroy()
    shelf.ready.push(body)
    // Whoever takes it watches it from then on.
    void body.sandbox.exited.then(() => {
      const at = shelf.ready.indexOf(body)
      if (at < 0) return
      shelf.ready.splice(at, 1)
      void body.destroy()
      this.#refillSoon()
    })
  }
}
