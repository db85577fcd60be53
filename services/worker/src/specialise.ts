import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { CodeFolders, Scratch } from '@weft/sandbox'
import type { Body } from './boot.ts'
import type { CodeCache, CodeUse } from './code-cache.ts'
import type { ImageCode, Images } from './images/images.ts'
import type { Networks } from './network/networks.ts'
import type { StemPool } from './stems.ts'

/** A package and its layers, unpacked and in use. */
interface PackageCode extends CodeFolders {
  /** Programs in the folder `extensions` of its layers, by name. */
  readonly extensions: readonly string[]
  /** Safe to call twice. */
  release(): void
}

/** What a function brings. */
export type FunctionCode = PackageCode | ImageCode

/** Makes sandboxes that hold a function's code and are in its networks, out of stems and the code cache. */
export class Specialiser {
  readonly #stems: StemPool
  readonly #cache: CodeCache
  readonly #images: Images
  readonly #networks: Networks | undefined

  constructor(stems: StemPool, cache: CodeCache, images: Images, networks: Networks | undefined) {
    this.#stems = stems
    this.#cache = cache
    this.#images = images
    this.#networks = networks
  }

  /**
   * A sandbox with the function's code and memory limit. `opened` gets the code as soon as it is in use, also when the
   * sandbox then cannot be made; with `held` that is used instead. `scratch` is the /tmp of the sandbox before.
   */
  async make(
    spec: SandboxSpec,
    opened: (code: FunctionCode) => void,
    held?: FunctionCode,
    scratch?: Scratch,
  ): Promise<Body> {
    if (spec.image) {
      const body = await this.#ofImage(spec, opened, held, scratch)
      return this.#furnish(body, spec, limited(body, spec))
    }
    const folders = held && 'taskDir' in held ? held : undefined
    const { body, mounted } = await this.#ofPackage(spec, opened, folders, scratch)
    // Another process mounts the code; the limits are set meanwhile.
    return this.#furnish(body, spec, Promise.all([mounted, limited(body, spec)]))
  }

  async #ofImage(
    spec: SandboxSpec,
    opened: (code: FunctionCode) => void,
    held?: FunctionCode,
    scratch?: Scratch,
  ): Promise<Body> {
    const image = held && 'root' in held ? held : await this.#images.open(spec)
    if (!held) opened(image)
    return this.#images.boot(spec, image, scratch)
  }

  async #ofPackage(
    spec: SandboxSpec,
    opened: (code: FunctionCode) => void,
    held?: PackageCode,
    scratch?: Scratch,
  ): Promise<{ readonly body: Body; readonly mounted: Promise<void> | undefined }> {
    const code = held
      ? Promise.resolve(held)
      : this.#open(spec).then((value) => {
          opened(value)
          return value
        })
    // What must be fetched first is fetched while a sandbox is made; what is there is bound when it is made. Only layers
    // tell whether there are extensions, which take another kind of sandbox.
    const there = held || this.#has(spec) || spec.layers.length > 0 ? await code : undefined
    const apart = there !== undefined && there.extensions.length > 0
    const [taken, fetched] = await Promise.allSettled([this.#stems.take(spec, there, { apart, scratch }), code])
    if (taken.status === 'rejected') throw taken.reason
    const { body, hasCode } = taken.value
    if (fetched.status === 'rejected') {
      await body.destroy()
      throw fetched.reason
    }
    return { body, mounted: hasCode ? undefined : body.sandbox.mountCode(fetched.value) }
  }

  /** Gives a sandbox, when what it is given already has succeeded, the rest. */
  async #furnish(body: Body, spec: SandboxSpec, given: Promise<unknown>): Promise<Body> {
    try {
      await given
      if (spec.subnetIds.length > 0) {
        if (!this.#networks) throw new Error('this worker has no networks')
        await this.#networks.join(body.sandbox, spec)
      }
      return body
    } catch (error) {
      await body.destroy()
      throw error
    }
  }

  /** Has the function's package and layers unpacked, and stems of its runtime made, ahead of its first call. */
  async prepare(spec: SandboxSpec): Promise<void> {
    if (spec.image) return this.#images.prepare(spec)
    this.#stems.expect(spec.runtime)
    ;(await this.#open(spec)).release()
  }

  #has({ codeDigest, layers }: SandboxSpec): boolean {
    return this.#cache.has(codeDigest) && (layers.length === 0 || this.#cache.hasMerged(layersOf(layers)))
  }

  async #open({ codeDigest, codeKey, layers }: SandboxSpec): Promise<PackageCode> {
    const opening = [this.#cache.use(codeDigest, codeKey)]
    if (layers.length > 0) opening.push(this.#cache.useMerged(layersOf(layers)))
    const opened = await Promise.allSettled(opening)
    const uses = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const release = (): void => {
      for (const use of uses) use.release()
    }
    for (const one of opened) {
      if (one.status === 'fulfilled') continue
      release()
      throw one.reason
    }
    const [task, merged] = uses as [CodeUse, CodeUse | undefined]
    try {
      const extensions = merged ? await extensionsIn(join(merged.dir, 'extensions')) : []
      return { taskDir: task.dir, layersDir: merged?.dir, extensions, release }
    } catch (error) {
      release()
      throw error
    }
  }
}

/** No CPU limit yet: with a small share initialisation would take many times as long. */
const limited = ({ sandbox }: Body, { memoryMb }: SandboxSpec): Promise<void> => sandbox.limit({ memoryMb, cpu: 0 })

async function extensionsIn(dir: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true })
    return entries
      .filter((entry) => !entry.isDirectory())
      .map(({ name }) => name)
      .sort()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}

const layersOf = (layers: SandboxSpec['layers']): readonly string[] => layers.map(({ digest }) => digest)
