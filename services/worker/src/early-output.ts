type OutputListener = (chunk: Buffer, from: 'stdout' | 'stderr') => number

/** What a runtime may print before anybody listens, bytes. */
const earlyOutputBytes = 64 * 1024

/** Output of a sandbox, kept until somebody takes it. */
export class EarlyOutput {
  #early: [Buffer, 'stdout' | 'stderr'][] = []
  #earlyBytes = 0
  #listener: OutputListener | undefined

  take(chunk: Buffer, from: 'stdout' | 'stderr'): number {
    if (this.#listener) return this.#listener(chunk, from)
    this.#earlyBytes += chunk.length
    if (this.#earlyBytes <= earlyOutputBytes) this.#early.push([chunk, from])
    return 0
  }

  pass(listener: OutputListener): void {
    this.#listener = listener
    for (const [chunk, from] of this.#early.splice(0)) listener(chunk, from)
  }

  /** For the message of a failed boot. */
  get text(): string {
    return Buffer.concat(this.#early.map(([chunk]) => chunk))
      .toString('utf8')
      .trim()
      .slice(-1_000)
  }
}
