import type { Result } from '@weft/contracts'

/**
 * How sandboxes are made. A driver builds stem cells: sandboxes whose runtime has booted and which hold no code. A stem
 * is specialised once, for one function version, and never crosses functions, versions or accounts.
 */
export interface SandboxDriver {
  readonly name: 'oci' | 'docker' | 'process'
  /** What it isolates and what not, one sentence, shown at start. */
  readonly describe: string
  /** Whether this host can run it; the error says precisely what is missing. Takes 5 s at most. */
  probe(): Promise<Result<void, string>>
  /** Boots a stem. Rejects if that fails or takes longer than `timeoutMs`; leaves nothing behind then. */
  create(request: StemRequest): Promise<Sandbox>
  /** Removes what earlier processes of this worker left on the host; resolves to what was removed, for the log. */
  cleanUp(): Promise<readonly string[]>
}

export interface StemRequest {
  readonly sandboxId: string
  readonly runtime: RuntimeImage
  readonly ephemeralStorageMb: number
  readonly timeoutMs: number
}

/** A runtime as a sandbox sees it. */
export interface RuntimeImage {
  /** For example "nodejs24.x" or "provided.al2023". */
  readonly id: string
  /** Host files and folders bound read-only into the sandbox: [host path, path inside]. */
  readonly binds: readonly (readonly [string, string])[]
  /** The program and arguments, as seen inside. */
  readonly command: readonly string[]
  /** Environment of the program at boot; the function's own comes with the specialisation. */
  readonly environment: Readonly<Record<string, string>>
  /** True for our own runtimes, which connect to /run/weft/runtime.sock and speak frames; false: Runtime API over HTTP. */
  readonly framed: boolean
}

export interface SandboxLimits {
  readonly memoryMb: number
  /** Of one CPU: 1 is one full CPU. */
  readonly cpu: number
}

export interface SandboxExit {
  /** Exit status, if it could be known. */
  readonly code: number | undefined
  readonly signal: string | undefined
  readonly oomKilled: boolean
}

export interface SandboxStats {
  readonly memoryPeakBytes: number
  readonly memoryBytes: number
  readonly cpuMs: number
}

/** A running sandbox. Every call on one that has exited resolves without effect. */
export interface Sandbox {
  readonly id: string
  /** Host folder seen inside as /run/weft (read-only there): the worker listens on sockets in it. */
  readonly socketDir: string
  /** Host pid of the first process inside, for namespaces; undefined when the driver cannot know. */
  readonly pid: number | undefined
  /** Output of stdout and stderr, as it comes. */
  onOutput(listener: (chunk: Buffer, from: 'stdout' | 'stderr') => void): void
  readonly exited: Promise<SandboxExit>
  /** Makes the unpacked package visible at /var/task, read-only. Once. */
  mountCode(hostDir: string): Promise<void>
  /** Sets memory and CPU limits; a stem boots without a CPU quota. */
  limit(limits: SandboxLimits): Promise<void>
  freeze(): Promise<void>
  thaw(): Promise<void>
  stats(): Promise<SandboxStats>
  /** Kills everything inside and removes every trace on the host: cgroup, mounts, files. Idempotent. */
  destroy(): Promise<void>
}
