import type { Logger } from '@weft/platform'
import type { SandboxDriver } from '@weft/sandbox'

export interface OciDriverOptions {
  /** Folder of the worker's own; also the mark by which cleanUp knows what is the worker's. */
  readonly dataDir: string
  readonly log: Logger
  /** The low-level runtime: `runc` by default. */
  readonly runtimeBinary?: string
}

/** Sandboxes made by an OCI runtime without an engine. */
export type CreateOciDriver = (options: OciDriverOptions) => SandboxDriver
