import type { Keyring } from './keyring.ts'

export interface ServerConfigOptions {
  /** Loopback unless the servers are apart. */
  readonly host?: string
  /** 0: the server picks one. */
  readonly port: number
  /** Where the server keeps streams and the JWTs of accounts; absolute. */
  readonly dir: string
  /** `always`: every write is on the disk before its acknowledgement. `default`: the server's two minutes. */
  readonly sync: 'always' | 'default'
  /** Bytes JetStream may use on disk. Must be below the space that is really free: a full disk stops streams. */
  readonly maxStorageBytes: number
  readonly serverName: string
  /** Absolute path; standard error when absent. Kept below 40 MB. */
  readonly logFile?: string
  /** Monitoring over HTTP on the same host, for health checks of containers. It tells much and asks for no password. */
  readonly monitorPort?: number
  readonly cluster?: ServerClusterOptions
}

export interface ServerClusterOptions {
  readonly name: string
  readonly port: number
  /** `host:port` of the cluster ports of all servers. */
  readonly routes: readonly string[]
}

/** Largest message, bytes: a synchronous payload of 6 MB and its headers. */
const maxPayload = '8MB'

/** The text of nats-server.conf. It holds public claims only, no seeds. */
export async function serverConfig(keyring: Keyring, options: ServerConfigOptions): Promise<string> {
  const accounts = await keyring.accountJwts()
  const host = options.host ?? '127.0.0.1'
  const lines = [
    `server_name: ${quote(options.serverName)}`,
    `listen: ${quote(`${host}:${options.port === 0 ? -1 : options.port}`)}`,
    `max_payload: ${maxPayload}`,
    ...(options.monitorPort === undefined ? [] : [`http: ${quote(`${host}:${options.monitorPort}`)}`]),
    ...(options.logFile === undefined
      ? []
      : [`log_file: ${quote(options.logFile)}`, 'logfile_size_limit: 10MB', 'logfile_max_num: 3']),
    // A client that does not take its messages is cut off before it fills the server's memory.
    'max_pending: 64MB',
    'write_deadline: "5s"',
    `operator: ${await keyring.operatorJwt()}`,
    `system_account: ${keyring.systemAccount}`,
    `resolver: { type: full, dir: ${quote(`${options.dir}/accounts`)}, allow_delete: true, interval: "2m" }`,
    'resolver_preload: {',
    ...accounts.map(({ publicKey, jwt }) => `  ${publicKey}: ${jwt}`),
    '}',
    'jetstream {',
    `  store_dir: ${quote(options.dir)}`,
    `  max_file_store: ${options.maxStorageBytes}`,
    '  max_memory_store: 64MB',
    ...(options.sync === 'always' ? ['  sync_interval: always'] : []),
    '}',
  ]
  if (options.cluster) {
    lines.push(
      'cluster {',
      `  name: ${quote(options.cluster.name)}`,
      `  listen: ${quote(`${host}:${options.cluster.port}`)}`,
      // With several connections per route, servers that start together sometimes (2.10.27: one start in fifteen) see
      // their route to themselves twice and count a peer too few, for good: no stream can then have three copies.
      '  pool_size: -1',
      `  routes: [${options.cluster.routes.map((route) => quote(`nats://${route}`)).join(', ')}]`,
      '}',
    )
  }
  return `${lines.join('\n')}\n`
}

/** Paths and names are ours or the operator's; a quote in one would end the string early. */
function quote(text: string): string {
  if (/["\\\n]/.test(text)) throw new TypeError(`not usable in nats-server.conf: ${JSON.stringify(text)}`)
  return `"${text}"`
}
