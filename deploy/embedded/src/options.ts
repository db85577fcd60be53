import { resolve } from 'node:path'
import { defaultDataDir } from '@weft/cli'
import { isRegion, limits } from '@weft/contracts'
import { registryEntryProblem } from '@weft/frontend-service'
import { Command, InvalidArgumentError, Option } from 'commander'

export const sandboxChoices = ['auto', 'oci', 'docker', 'process'] as const
export type SandboxChoice = (typeof sandboxChoices)[number]

export interface EmbeddedOptions {
  /** Absolute. */
  readonly dataDir: string
  /** Address the doors listen on. */
  readonly host: string
  /** 0: any free port. */
  readonly httpPort: number
  readonly grpcPort: number
  readonly natsPort: number
  readonly adminPort: number
  readonly sandbox: SandboxChoice
  /** Low-level runtime of sandboxes; runc when absent. */
  readonly engineRuntime?: string
  /** Sum of the memory sizes of all sandboxes at once; absent: a share of what the host has. */
  readonly memoryMb?: number
  /** A file that declares the networks of functions. */
  readonly networks?: string
  /** Of the Docker engine, for the sandboxes that it makes. */
  readonly dockerSocket?: string
  /** Registries of container images that may be on any address. */
  readonly registries?: readonly string[]
  /** A file of the shape of docker's config.json. */
  readonly registryCredentials?: string
  readonly durability: 'sync' | 'default'
  readonly region: string
  readonly logLevel: string
  readonly demo: boolean
}

/** Throws commander's CommanderError when the process should end instead: after --help, or for a wrong option. */
export function parseOptions(args: readonly string[]): EmbeddedOptions {
  const command = new Command('npm start --')
    .description('Runs the whole fabric in one process over a nats-server of its own.')
    .addOption(
      new Option('--data-dir <dir>', 'where functions, events and keys live')
        .env('WEFT_DATA_DIR')
        .default(resolve(defaultDataDir)),
    )
    .option('--host <address>', 'address the doors listen on', '127.0.0.1')
    .option('--http-port <port>', 'AWS APIs and health; 0 picks a free one', port, 9000)
    .option('--grpc-port <port>', 'gRPC weft.v1', port, 9090)
    .option('--nats-port <port>', 'NATS', port, 4222)
    .option('--admin-port <port>', 'administration; admin.json tells which it is', port, 0)
    .addOption(
      new Option('--sandbox <driver>', 'how functions are isolated').choices([...sandboxChoices]).default('auto'),
    )
    .addOption(
      new Option('--engine-runtime <name>', 'what sandboxes are made with, such as runsc of a Docker engine').env(
        'WEFT_ENGINE_RUNTIME',
      ),
    )
    .option(
      '--memory-mb <mb>',
      'sum of the memory sizes of all sandboxes; more than the host has: idle ones rarely use what they may',
      memory,
    )
    .addOption(new Option('--networks <file>', 'networks that functions may join').env('WEFT_NETWORKS'))
    .addOption(new Option('--docker-socket <path>', "the Docker engine's socket").env('WEFT_DOCKER_SOCKET'))
    .addOption(
      new Option(
        '--registries <list>',
        'registries of container images that are not on the public internet: host[:port],…',
      )
        .env('WEFT_REGISTRIES')
        .argParser(registries),
    )
    .addOption(
      new Option('--registry-credentials <file>', "what registries are shown, as in docker's config.json").env(
        'WEFT_REGISTRY_CREDENTIALS_FILE',
      ),
    )
    .addOption(
      new Option('--durability <mode>', 'sync: on disk before it is acknowledged; default: every two minutes')
        .choices(['sync', 'default'])
        .default('sync'),
    )
    .option('--region <region>', 'region in ARNs and signatures', region, 'us-east-1')
    .addOption(
      new Option('--log-level <level>', 'least level written to standard error')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('warn'),
    )
    .option('--no-demo', 'only serve: do not run the main job')
    .allowExcessArguments(false)
    .exitOverride()
    .parse([...args], { from: 'user' })
  const options = command.opts<EmbeddedOptions>()
  return Object.freeze({ ...options, dataDir: resolve(options.dataDir) })
}

function port(text: string): number {
  const value = Number(text)
  if (!/^\d{1,5}$/.test(text) || value > 65_535) throw new InvalidArgumentError('A port is a number from 0 to 65535.')
  return value
}

function registries(text: string): readonly string[] {
  const entries = text.split(',').flatMap((entry) => entry.trim() || [])
  const problem = entries.map(registryEntryProblem).find((one) => one !== undefined)
  if (problem !== undefined) throw new InvalidArgumentError(problem)
  return entries
}

function memory(text: string): number {
  const value = Number(text)
  if (!/^\d{1,9}$/.test(text) || value < limits.memoryMb.min)
    throw new InvalidArgumentError(`Memory is a number of MB from ${limits.memoryMb.min}.`)
  return value
}

function region(text: string): string {
  if (!isRegion(text)) throw new InvalidArgumentError('A region looks like us-east-1.')
  return text
}
