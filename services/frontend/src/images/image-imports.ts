import { type AccountId, catalogueKeys, type FunctionRecord, type ImageLocation, limits } from '@weft/contracts'
import { type Clock, delay, type Logger } from '@weft/platform'
import { awaitedCode, type Catalogue, type CatalogueStores, type CodeStore, type ImportFailure } from '@weft/registry'
import { checkedLayer } from './checked-layer.ts'
import { ImageFailure } from './image-failure.ts'
import type { ImageRegistry } from './image-registry.ts'
import { ImportClaims } from './import-claims.ts'
import { importFailureOf, putFailureOf } from './import-failure.ts'

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

/**
 * Brings the images that functions wait for into the code store. What is to be done stands in the functions' records and
 * is claimed there by compare-and-set, so that of any number of frontends one brings an image, and another takes over
 * from one that died. Layers that are there already cost nothing.
 */
export class ImageImports implements AsyncDisposable {
  readonly #deps: ImageImportsDeps
  readonly #claims: ImportClaims
  readonly #waiting = new Set<string>()
  /** Those that were tried and are still to be done: their turn comes with the next look. */
  readonly #tried = new Set<string>()
  readonly #running = new Map<string, { readonly account: AccountId; readonly done: Promise<void> }>()
  /** Layers that are being brought, by where they come from. */
  readonly #layers = new Map<string, Promise<unknown>>()
  readonly #stop = new AbortController()
  readonly #unsubscribe: () => void
  readonly #looking: Promise<void>

  constructor(deps: ImageImportsDeps) {
    this.#deps = deps
    this.#claims = new ImportClaims(deps)
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
      this.#tried.clear()
      this.#begin()
      await delay(this.#deps.clock, lookMs, this.#stop.signal)
    }
  }

  #begin(): void {
    for (const key of this.#waiting) {
      if (this.#stop.signal.aborted || this.#running.size >= most.all) return
      const record = this.#known(key)
      if (!record || this.#tried.has(key) || this.#running.has(key) || this.#claims.isHeld(record)) continue
      const ofAccount = [...this.#running.values()].filter(({ account }) => account === record.accountId)
      if (ofAccount.length >= most.account) continue
      const done = this.#run(key).then((isDone) => {
        this.#running.delete(key)
        if (!isDone) this.#tried.add(key)
        this.#begin()
      })
      this.#running.set(key, { account: record.accountId, done })
    }
  }

  /** Resolves to whether there is nothing left to do; else it is tried again from what is stored then. */
  async #run(key: string): Promise<boolean> {
    const { log } = this.#deps
    const stop = new AbortController()
    try {
      const claimed = await this.#claims.claim(key)
      if (claimed === 'none') this.#waiting.delete(key)
      if (claimed === 'none' || claimed === 'taken') return claimed === 'none'
      const code = awaitedCode(claimed)
      if (!code?.image) throw new Error(`${claimed.functionArn} waits for an image that is none`)
      const over = AbortSignal.any([stop.signal, this.#stop.signal])
      const renewing = this.#claims.renew(key, over, () => stop.abort())
      const failure = await this.#bring(code.image, over).finally(() => stop.abort())
      await renewing
      await this.#claims.end(key, failure)
      const facts = { function: claimed.functionArn, image: code.image.resolvedImageUri }
      if (failure) log.warn({ ...facts, failure }, 'an image could not be brought')
      else log.info(facts, 'an image was brought')
      return true
    } catch (error) {
      if (this.#stop.signal.aborted) await this.#claims.release(key)
      else log.warn({ err: error, key }, 'bringing an image was broken off')
      return false
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
}

const keyOf = ({ accountId, functionName }: FunctionRecord): string => catalogueKeys.function(accountId, functionName)
