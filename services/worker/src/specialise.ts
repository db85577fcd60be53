import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { Body } from './boot.ts'
import type { CodeCache, CodeUse } from './code-cache.ts'
import type { StemPool } from './stems.ts'

/** Makes sandboxes that hold a function's code, out of stems and the code cache. */
export class Specialiser {
  readonly #stems: StemPool
  readonly #code: CodeCache

  constructor(stems: StemPool, code: CodeCache) {
    this.#stems = stems
    this.#code = code
  }

  /**
   * A sandbox with the function's code and memory limit. `opened` gets the package as soon as it is in use, also when
   * the sandbox then cannot be made; with `held` that package is used instead.
   */
  async make(spec: SandboxSpec, opened: (use: CodeUse) => void, held?: CodeUse): Promise<Body> {
    const use = held
      ? Promise.resolve(held)
      : this.#code.use(spec.codeDigest).then((value) => {
          opened(value)
          return value
        })
    // What must be fetched first is fetched while a sandbox is made; what is there is bound when it is made.
    const dir = held || this.#code.has(spec.codeDigest) ? (await use).dir : undefined
    const [taken, fetched] = await Promise.allSettled([this.#stems.take(spec, dir), use])
    if (taken.status === 'rejected') throw taken.reason
    const { body, hasCode } = taken.value
    try {
      if (fetched.status === 'rejected') throw fetched.reason
      if (!hasCode) await body.sandbox.mountCode(fetched.value.dir)
      // No CPU limit yet: with a small share initialisation would take many times as long.
      await body.sandbox.limit({ memoryMb: spec.memoryMb, cpu: 0 })
      return body
    } catch (error) {
      await body.destroy()
      throw error
    }
  }
}
