import { type FactSink, limits } from '@weft/contracts'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { Clock, Logger, PlacementDirectory, Random } from '@weft/platform'
import type { CodeStore } from '@weft/registry'
import type { PaceLimits, SandboxDriver, SessionCredentials } from '@weft/sandbox'
import type { NetworkDeclaration } from './network/declaration.ts'

export type { NetworkDeclaration } from './network/declaration.ts'
export type DriverChoice = 'oci' | 'docker' | 'process' | 'auto'

export interface WorkerConfig {
  /** Unlike that of any other worker, also of an earlier process. */
  readonly workerId: string
  readonly zone: string
  /** host:port of the invoke door; "" when wired in memory. */
  readonly address: string
  /** Folder of this worker alone; made when missing. */
  readonly dataDir: string
  /** Memory that may be promised to sandboxes. */
  readonly memoryMb: number
  /** Empty sandboxes kept ready per runtime that was used lately. 2 by default. */
  readonly stemsPerRuntime?: number
  /** Runtimes that get stems from the start. None by default. */
  readonly prewarm?: readonly string[]
  /** How long an environment may stay unused, ms. 15 minutes by default. */
  readonly idleMs?: number
  /** How long an environment lives at most, ms: from three quarters of it on, as soon as nothing runs in it. 6 hours by default. */
  readonly lifetimeMs?: number
  /** How long an environment stays thawed after an answer, ms. 80 by default. */
  readonly freezeAfterMs?: number
  /** How fast functions may stream their answers. 6 MiB at once and 2 MiB/s from then on by default, as on AWS. */
  readonly streamPace?: PaceLimits
  /** Unpacked packages kept, bytes. 10 GiB by default. */
  readonly codeCacheBytes?: number
  /** Networks that functions may join. None by default. */
  readonly networks?: NetworkDeclaration
  /** How long a stop waits for what runs, ms. 25 s by default. */
  readonly stopDeadlineMs?: number
}

export interface WorkerDeps {
  /** From `chooseDriver`; the worker closes it. */
  readonly driver: SandboxDriver
  readonly code: Pick<CodeStore, 'get' | 'getStream'>
  readonly facts: FactSink
  readonly placement: PlacementDirectory
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Session credentials of the function's role; undefined when there is none to give. */
  readonly credentials: (spec: SandboxSpec) => Promise<SessionCredentials | undefined>
  /** The frontend's HTTP door, reached by functions at AWS_ENDPOINT_URL; undefined when they are to have no way back. */
  readonly callbackAddress?: { readonly host: string; readonly port: number } | undefined
}

export type ResolvedConfig = Required<WorkerConfig>

export const resolveConfig = (config: WorkerConfig): ResolvedConfig => ({
  stemsPerRuntime: 2,
  prewarm: [],
  networks: { subnets: {}, securityGroups: {} },
  idleMs: 15 * 60_000,
  lifetimeMs: 6 * 60 * 60_000,
  freezeAfterMs: 80,
  streamPace: { burstBytes: limits.streamBurstBytes, bytesPerSecond: limits.streamBytesPerSecond },
  codeCacheBytes: 10 * 1024 ** 3,
  stopDeadlineMs: 25_000,
  ...config,
})
