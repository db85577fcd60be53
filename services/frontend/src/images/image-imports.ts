import { randomUUID } from 'node:crypto'
import { type AccountId, catalogueKeys, type FunctionRecord, type ImageLocation, limits } from '@weft/contracts'
import { type Clock, delay, type Logger } from '@weft/platform'
import {
  awaitedCode,
  type Catalogue,
  type CatalogueStores,
  type CodeStore,
  claimImport,
  endImport,
  endVersionImport,
  type ImportFailure,
  importClaimMs,
  publicationOf,
  releaseImport,
  type Stored,
} from '@weft/registry'
import { checkedLayer } from './checked-layer.ts'
import { ImageFailure } from './image-failure.ts'
import type { ImageRegistry } from './image-registry.ts'
import { exhausted, importFailureOf, putFailureOf } from './import-failure.ts'

export interface ImageImportsDeps {
  readonly catalogue: Catalogue
  readonly stores: Pick<CatalogueStores, 'functions' | 'versions'>
  readonly code: Pick<CodeStore, 'putStream'>
  readonly images: Pick<ImageRegistry, 'layer'>
  readonly clock: Clock
  readonly log: Logger
}

/** Between two looks at what others hold or what could not be begun. */
const lookMs = 5_000
/** Images at a time, and of them those of one account: each costs its registry's pace and a few megabytes. */
const most = { all: 16, account: 2 }
/** An image that takes longer is given up, so that slow registries do not hold the places of others for ever. */
const mostBringMs = 60 * 60_000
/** A registry that does not answer is asked again after these pauses. */
const pausesMs = [5_000, 20_000]
const writeTries = 10

/**
 * Brings the images that functions wait for into the code store. What is to be done stands in the functions' records and
 * is claimed there by compare-and-set, so that of any number of frontends one brings an image, and another takes over
 * from one that died. Layers that are there already cost nothing.
 */
export class ImageImports implements AsyncDisposable {
  readonly #deps: ImageImportsDeps
  readonly #self = randomUUID()
  readonly #waiting = new Set<string>()
  readonly #running = new Map<string, { readonly account: AccountId; readonly done: Promise<void> }>()
  /** Layers that are being brought, by where they come from. */
  readonly #layers = new Map<string, Promise<unknown>>()
  readonly #stop = new AbortController()
  readonly #unsubscribe: () => void
  readonly #looking: Promise<void>

  constructor(deps: ImageImportsDeps) {
    this.#deps = deps
    const { catalogue } = deps
    this.#unsubscribe = catalogue.onChange(({ kind, key }) => {
      if (kind === 'function') this.#consider(key)
      // One that was disabled has its functions' images brought when it is enabled again.
      if (kind === 'account') this.#expect(key as AccountId)
    })
    for (const { accountId } of catalogue.accounts()) this.#expect(accountId)
    this.#looking = this.#look()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe()
    this.#stop.abort()
    await Promise.all([this.#looking, ...[...this.#running.values()].map(({ done }) => done)])
  }

  #expect(account: AccountId): void {
    for (const record of this.#deps.catalogue.functions(account))
      if (record.imageImport) this.#waiting.add(keyOf(record))
  }

  #consider(key: string): void {
    if (!this.#known(key)?.imageImport) {
      this.#waiting.delete(key)
      return
    }
    this.#waiting.add(key)
    this.#begin()
  }

  #known(key: string): FunctionRecord | undefined {
    const [account = '', name = ''] = key.split('.')
    return this.#deps.catalogue.function(account as AccountId, name as FunctionRecord['functionName'])
  }

  async #look(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#begin()
      await delay(this.#deps.clock, lookMs, this.#stop.signal)
    }
  }

  #begin(): void {
    for (const key of this.#waiting) {
      if (this.#stop.signal.aborted || this.#running.size >= most.all) return
      const record = this.#known(key)
      if (!record || this.#running.has(key) || this.#isHeld(record)) continue
      const ofAccount = [...this.#running.values()].filter(({ account }) => account === record.accountId)
      if (ofAccount.length >= most.account) continue
      const done = this.#run(key).finally(() => {
        this.#running.delete(key)
        this.#begin()
      })
      this.#running.set(key, { account: record.accountId, done })
    }
  }

  /** As far as is known here; the claim itself is decided in the store. */
  #isHeld({ imageImport }: FunctionRecord): boolean {
    const claim = imageImport?.claim
    return claim !== undefined && claim.by !== this.#self && claim.untilMs > this.#deps.clock.now()
  }

  async #run(key: string): Promise<void> {
    const { log } = this.#deps
    try {
      const claimed = await this.#claim(key)
      if (!claimed) return
      const code = awaitedCode(claimed)
      if (!code?.image) throw new Error(`${claimed.functionArn} waits for an image that is none`)
      const stop = new AbortController()
      const renewing = this.#renew(key, stop)
      const failure = await this.#bring(code.image, AbortSignal.any([stop.signal, this.#stop.signal])).finally(() =>
        stop.abort(),
      )
      await renewing
      if (this.#stop.signal.aborted) return await this.#release(key)
      await this.#end(key, failure)
      const facts = { function: claimed.functionArn, image: code.image.resolvedImageUri }
      if (failure) log.warn({ ...facts, failure }, 'an image could not be brought')
      else log.info(facts, 'an image was brought')
    } catch (error) {
      // The claim lapses; who looks next goes on from what is stored then.
      if (this.#stop.signal.aborted) await this.#release(key)
      else log.warn({ err: error, key }, 'bringing an image was broken off')
    }
  }

  /** Lets another begin at once; where that cannot be written, the claim lapses. */
  async #release(key: string): Promise<void> {
    const { log, stores } = this.#deps
    try {
      const stored = await stores.functions.read(key)
      const released = releaseImport(stored?.value, this.#self)
      if (stored && released) await stores.functions.replace(key, released, stored.revision)
    } catch (error) {
      log.warn({ err: error, key }, 'the claim on an image could not be given back')
    }
  }

  /** Undefined: nothing is to be done here. */
  async #claim(key: string): Promise<FunctionRecord | undefined> {
    const { functions } = this.#deps.stores
    const stored = await functions.read(key)
    const claimed = claimImport(stored?.value, this.#self, this.#deps.clock.now())
    if (claimed.ok) {
      const replaced = await functions.replace(key, claimed.value, (stored as Stored<FunctionRecord>).revision)
      return replaced.ok ? claimed.value : undefined
    }
    if (claimed.error === 'none') this.#waiting.delete(key)
    if (claimed.error === 'exhausted') await this.#end(key, exhausted)
    return undefined
  }

  /** Aborts when the claim is lost, or the function is. */
  async #renew(key: string, stop: AbortController): Promise<void> {
    const { clock, log, stores } = this.#deps
    const over = AbortSignal.any([stop.signal, this.#stop.signal])
    for (;;) {
      await delay(clock, importClaimMs / 3, over)
      if (over.aborted) return
      try {
        const stored = await stores.functions.read(key)
        const claimed = claimImport(stored?.value, this.#self, clock.now())
        if (!claimed.ok || stored?.value.imageImport?.claim?.by !== this.#self) return stop.abort()
        // Another's change of the record in between is no loss of the claim: the next renewal is in time.
        await stores.functions.replace(key, claimed.value, stored.revision)
      } catch (error) {
        log.warn({ err: error, key }, 'the claim on an image could not be renewed')
      }
    }
  }

  async #bring(image: ImageLocation, wanted: AbortSignal): Promise<ImportFailure | undefined> {
    const late = new AbortController()
    const timer = this.#deps.clock.schedule(mostBringMs, () => late.abort())
    try {
      return await this.#bringLayers(image, AbortSignal.any([wanted, late.signal]))
    } catch (error) {
      if (late.signal.aborted) return importFailureOf(image.imageUri, { kind: 'unreachable' })
      throw error
    } finally {
      timer.cancel()
    }
  }

  async #bringLayers(image: ImageLocation, signal: AbortSignal): Promise<ImportFailure | undefined> {
    const { clock, code, images } = this.#deps
    const budget = { bytes: limits.image.bytes }
    const origin = image.resolvedImageUri.slice(0, image.resolvedImageUri.indexOf('/'))
    for (const layer of image.layers)
      for (const pauses = [...pausesMs]; ; ) {
        try {
          signal.throwIfAborted()
          const source = checkedLayer(images.layer(image, layer, signal), layer.compression, budget)
          const kept = await this.#oneAtATime(`${origin} ${layer.digest}`, () =>
            code.putStream(layer.digest, layer.sizeBytes, source),
          )
          if (!kept.ok) return putFailureOf(image.imageUri, kept.error)
          break
        } catch (error) {
          if (!(error instanceof ImageFailure) || signal.aborted) throw error
          const pauseMs = error.kind === 'unreachable' ? pauses.shift() : undefined
          if (pauseMs === undefined) return importFailureOf(image.imageUri, error)
          await delay(clock, pauseMs, signal)
        }
      }
    return undefined
  }

  /** Functions that share a layer have it brought once; not over registries, of which one may be slow on purpose. */
  async #oneAtATime<T>(name: string, work: () => Promise<T>): Promise<T> {
    while (this.#layers.has(name)) await this.#layers.get(name)
    const working = work()
    const settled = working.then(
      () => undefined,
      () => undefined,
    )
    this.#layers.set(
      name,
      settled.finally(() => this.#layers.delete(name)),
    )
    return working
  }

  /** Tells in the records how it went: of the version that waits first, so that it is done when its function is. */
  async #end(key: string, failure: ImportFailure | undefined): Promise<void> {
    const { functions } = this.#deps.stores
    for (let left = writeTries; left > 0; left--) {
      const stored = await functions.read(key)
      // Another may hold it by now, or the function may be a new one of the same name.
      if (!stored || !this.#mayEnd(stored.value, failure)) return
      await this.#endVersion(stored.value, failure)
      if ((await functions.replace(key, endImport(stored.value, failure), stored.revision)).ok) return
    }
    throw new Error(`the record of ${key} keeps being changed`)
  }

  #mayEnd(record: FunctionRecord, failure: ImportFailure | undefined): boolean {
    if (failure !== exhausted) return record.imageImport?.claim?.by === this.#self
    const claimed = claimImport(record, this.#self, this.#deps.clock.now())
    return !claimed.ok && claimed.error === 'exhausted'
  }

  async #endVersion(record: FunctionRecord, failure: ImportFailure | undefined): Promise<void> {
    const published = publicationOf(record)
    if (!published) return
    const { versions } = this.#deps.stores
    const key = catalogueKeys.version(record.accountId, record.functionName, published.version.version)
    const ended = { ...published, version: endVersionImport(published.version, failure) }
    // Whoever asked for it may not have stored it yet, or may have died before.
    if ((await versions.create(key, ended)).ok) return
    const stored = await versions.read(key)
    if (stored?.value.version.state !== 'Pending') return
    const replaced = await versions.replace(key, ended, stored.revision)
    if (!replaced.ok) throw new Error(`version ${key} is being changed`)
  }
}

const keyOf = ({ accountId, functionName }: FunctionRecord): string => catalogueKeys.function(accountId, functionName)
