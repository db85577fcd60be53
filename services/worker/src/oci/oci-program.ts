import type { Socket } from 'node:net'
import { handOn } from '@weft/platform/host'
import type { SandboxExit, SandboxProgram } from '@weft/sandbox'
import type { NamespaceHelper, ProcessEnd } from './helper.ts'

export interface OciProgramParts {
  readonly pid: number
  readonly end: Promise<ProcessEnd>
  readonly output: Socket
  readonly helper: NamespaceHelper
  /** Processes of the sandbox that were killed for memory. */
  readonly oomKills: () => number
}

/** A program beside the runtime, started by `runc exec`. */
export class OciProgram implements SandboxProgram {
  readonly exited: Promise<SandboxExit>
  readonly #parts: OciProgramParts

  constructor(parts: OciProgramParts) {
    this.#parts = parts
    parts.output.on('error', () => parts.output.destroy())
    this.exited = parts.end.then(({ code, signal }) => {
      // A pipe that nobody reads would keep its descriptor.
      if (parts.output.readableFlowing === null) parts.output.resume()
      return { code, signal, oomKilled: signal === 'SIGKILL' && parts.oomKills() > 0 }
    })
  }

  onOutput(listener: (chunk: Buffer) => number): void {
    handOn(this.#parts.output, listener)
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#parts.helper.signal(this.#parts.pid, signal)
  }
}
