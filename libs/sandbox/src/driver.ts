import type { Server, Socket } from 'node:net'
import type { IsolationClass, Result } from '@weft/contracts'

/**
 * How sandboxes are made. A driver builds stem cells: sandboxes whose runtime has booted and which hold no code. A stem
 * is specialised once, for one function version, and never crosses functions, versions or accounts.
 */
export interface SandboxDriver {
  readonly name: 'oci' | 'docker' | 'process'
  /** What keeps its sandboxes apart from the host. */
  readonly isolation: IsolationClass
  /** Its sandboxes have no `listen`: such a worker offers no runtimes that packages bring, nor images. */
  readonly withoutListeners?: boolean
  /** What it isolates and what not, one sentence, shown at start. */
  readonly describe: string
  /** Whether this host can run it; the error says precisely what is missing. Takes 5 s at most. */
  probe(): Promise<Result<void, string>>
  /**
   * Starts the runtime's program in a new sandbox; that it has booted its connection tells. Rejects if the start fails or
   * takes longer than `timeoutMs`; leaves nothing behind then.
   */
  create(request: StemRequest): Promise<Sandbox>
  /**
   * Makes a container image ready to be the root of sandboxes. Rejects when it is missing or damaged. Absent where the
   * driver runs none.
   */
  openImage?(content: ImageContent): Promise<ImageRoot>
  /** Removes what earlier processes of this worker left on the host; resolves to what was removed, for the log. */
  cleanUp(): Promise<readonly string[]>
  /** Ends what the driver itself keeps running. Destroy its sandboxes first. */
  close?(): Promise<void>
}

export interface StemRequest {
  /** Lower-case letters and digits, at most 32; unlike that of any other sandbox on this host. */
  readonly sandboxId: string
  readonly runtime: RuntimeImage
  readonly ephemeralStorageMb: number
  /**
   * Host folder of this sandbox alone, seen inside as /run/weft, read-only. The caller has made it (mode 0755) and
   * listens on `runtime.sock` in it (mode 0777) before it calls; it removes it after `destroy`.
   */
  readonly socketDir: string
  /** What is known already of the function: visible from the first; `mountCode` is not called then. */
  readonly code?: CodeFolders
  /**
   * From this driver's `openImage`: the sandbox sees the image in place of the host's system, read-only but for /tmp.
   * Then the runtime has no binds, its command lies below /run/weft, and there is no `code`.
   */
  readonly root?: ImageRoot
  /**
   * What an earlier sandbox of the same environment kept, from its `retire`: its /tmp goes on here. It is this sandbox's
   * from then on; after a failed start it is still the caller's.
   */
  readonly scratch?: Scratch
  readonly timeoutMs: number
}

/** The /tmp of a sandbox that has ended, kept for its successor by the driver that made it. */
export interface Scratch {
  /** Removes it, when there is no successor. */
  release(): Promise<void>
}

/** Host folders with what a function brings, shared by all its sandboxes, so that nobody may write to them. */
export interface CodeFolders {
  /** The unpacked package, seen at /var/task. */
  readonly taskDir: string
  /** The unpacked layers, merged in their order, seen at /opt; absent when it has none. */
  readonly layersDir?: string | undefined
}

/** A container image whose layers are at hand. */
export interface ImageContent {
  /** Hex digest of its manifest: what has the same has the same content. */
  readonly digest: string
  /** Base first. */
  readonly layers: readonly ImageContentLayer[]
  /** The blob of a layer, as it is stored. */
  read(digest: string): AsyncIterable<Uint8Array>
  /** All layers as one folder that may be the root of sandboxes; it is shared, and nobody may write to it. */
  tree(): Promise<{ readonly dir: string; release(): void }>
}

export interface ImageContentLayer {
  /** Hex SHA-256 of its blob. */
  readonly digest: string
  /** Of its blob. */
  readonly sizeBytes: number
  readonly compression: 'gzip' | 'zstd' | 'none'
}

/** An image that is ready to be the root of sandboxes, in use until it is released. */
export interface ImageRoot {
  /** Names of the programs in its /opt/extensions. */
  readonly extensions: readonly string[]
  /** Safe to call twice. */
  release(): Promise<void>
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
  /**
   * Every program connects to /run/weft/runtime.sock when it has booted and waits there for its INIT frame. True: it goes
   * on in frames. False: it turns itself into the package's own `bootstrap`, which speaks the Runtime API over HTTP.
   */
  readonly framed: boolean
  /**
   * The same runtime for functions whose settings must be there when its program starts; absent where this one waits for
   * the function before it starts.
   */
  readonly launched?: RuntimeImage
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
  /** Processes inside that the kernel killed for memory; absent where the driver cannot know. */
  readonly oomKills?: number
}

/** A listener on the loopback address of a sandbox. */
export interface SandboxListener {
  /** Listens already; connections wait until it gets its `connection` handler. Closing it is the caller's. */
  readonly server: Server
  /** host:port as the sandbox sees it. */
  readonly address: string
}

/** A program to be run beside the runtime, as the same user and under the same limits. */
export interface ProgramRequest {
  /** Lower-case letters and digits, at most 32; unlike that of any other program in this sandbox. */
  readonly programId: string
  /** The program and its arguments, as seen inside. */
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** As seen inside. */
  readonly folder: string
}

/** A program that runs beside the runtime. It ends with the sandbox at the latest. */
export interface SandboxProgram {
  readonly exited: Promise<SandboxExit>
  /** Set once, in the turn in which `run` resolved; as that of the sandbox. */
  onOutput(listener: (chunk: Buffer) => number): void
  /** Without effect on a program that has ended. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void
}

/** A running sandbox. Every call on one that has exited resolves without effect. */
export interface Sandbox {
  readonly id: string
  /** Host pid of the first process inside, for namespaces; undefined when the driver cannot know. */
  readonly pid: number | undefined
  /** Where the package is seen inside, when that is not /var/task. */
  readonly taskRoot?: string
  /** Where layers are seen inside, when that is not /opt. */
  readonly layersRoot?: string
  /** Environment variables that a function in it needs beside the usual ones. */
  readonly variables?: Readonly<Record<string, string>>
  /**
   * How long output may take to the listener, ms, where it travels another way than the sandbox's sockets; absent: it is
   * there before anything that the process sent later.
   */
  readonly outputDelayMs?: number
  /**
   * Output of stdout and stderr, as it comes. Set once, in the turn in which `create` resolved, so that nothing is lost. The
   * listener says for how long nothing more is read, ms: that bounds what a flood costs.
   */
  onOutput(listener: (chunk: Buffer, from: 'stdout' | 'stderr') => number): void
  readonly exited: Promise<SandboxExit>
  /** Makes the package visible at /var/task and its layers at /opt, read-only. Once. */
  mountCode(code: CodeFolders): Promise<void>
  /** Shows a host file in the place of one inside, read-only; absent where the driver cannot. */
  showFile?(hostFile: string, inside: string): Promise<void>
  /**
   * Opens TCP port `port` of 127.0.0.1 as the sandbox sees it, served by this process; a driver without a network
   * namespace of its own for the sandbox may choose another port. Absent where the driver cannot: such a worker offers
   * no custom runtimes, and its functions cannot call the fabric back.
   */
  listen?(port: number): Promise<SandboxListener>
  /** Runs another program inside; rejects when it cannot be started. Absent where the driver cannot. */
  run?(request: ProgramRequest): Promise<SandboxProgram>
  /**
   * A connection to TCP port `port` of 127.0.0.1 as the sandbox sees it; that nobody listens shows as an error of the
   * socket. Absent where the driver cannot.
   */
  dial?(port: number): Promise<Socket>
  /** Sends the runtime's process a signal, which it may handle; absent where the driver cannot. */
  terminate?(): void
  /** Sets memory and CPU limits; a stem boots without a CPU quota. */
  limit(limits: SandboxLimits): Promise<void>
  freeze(): Promise<void>
  thaw(): Promise<void>
  stats(): Promise<SandboxStats>
  /** Kills everything inside and removes every trace on the host: cgroup, mounts, files. Idempotent. */
  destroy(): Promise<void>
  /** As `destroy`, but keeps /tmp for a sandbox that takes this one's place. Not after `destroy`. */
  retire(): Promise<Scratch>
}
