import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ClusterState } from './engine-files.ts'

const file = fileURLToPath(new URL('../../../deploy/docker-compose.yml', import.meta.url))

export interface ComposeOptions extends ClusterState {
  readonly image: string
}

/** Ports are chosen by the engine, so that a cluster for tests runs beside any other. */
const portVariables = [
  ...['WEFT_NATS_1', 'WEFT_NATS_2', 'WEFT_NATS_3', 'WEFT_METRICS_HTTP', 'WEFT_ADMIN_GRPC'],
  ...['WEFT_FRONTEND_1_HTTP', 'WEFT_FRONTEND_1_HTTPS', 'WEFT_FRONTEND_1_GRPC'],
  ...['WEFT_FRONTEND_2_HTTP', 'WEFT_FRONTEND_2_HTTPS', 'WEFT_FRONTEND_2_GRPC'],
]

/** The compose program of this host: version 2 as a plugin of docker, else version 1. */
export function composeProgram(): readonly string[] {
  for (const command of [['docker', 'compose'], ['docker-compose']])
    if (spawnSync(command[0] as string, [...command.slice(1), 'version'], { stdio: 'ignore' }).status === 0)
      return command
  throw new Error('there is neither "docker compose" nor docker-compose: install the Debian package docker-compose')
}

/** Runs a compose command on the project; resolves to its output, rejects with it. */
export function compose(options: ComposeOptions, ...args: readonly string[]): Promise<string> {
  const [program, ...first] = composeProgram()
  const env = {
    ...process.env,
    DOCKER_HOST: `unix://${options.socketPath}`,
    COMPOSE_PROJECT_NAME: options.project,
    WEFT_IMAGE: options.image,
    WEFT_CLUSTER_DIR: options.clusterDir,
    WEFT_STORAGE_MB: '1024',
    ...Object.fromEntries(portVariables.map((name) => [name, '127.0.0.1:0'])),
  }
  return new Promise((resolve, reject) => {
    const child = spawn(program as string, [...first, '-f', file, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(output)
      else reject(new Error(`compose ${args.join(' ')} failed (${code}):\n${output}`))
    })
  })
}
