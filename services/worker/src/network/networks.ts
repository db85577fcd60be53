import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { Logger } from '@weft/platform'
import type { Sandbox } from '@weft/sandbox'
import { addressText, type NetworkDeclaration, type Subnet } from './declaration.ts'
import {
  AddressPool,
  bridgeCommands,
  cableCommands,
  firewall,
  insideCommands,
  type NetworkNames,
  namesOf,
} from './rules.ts'

export interface NetworksOptions {
  readonly declaration: NetworkDeclaration
  /** Hex digits that tell one worker's things on a host from another's. */
  readonly owner: string
  /** Folder of the worker's own. */
  readonly dataDir: string
  readonly log: Logger
}

/** The declared networks on this host, and the sandboxes that have joined them. */
export class Networks {
  readonly #options: NetworksOptions
  readonly #names: NetworkNames
  readonly #pools = new Map<string, AddressPool>()
  /** Changes of the firewall, one after another. */
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(options: NetworksOptions) {
    this.#options = options
    this.#names = namesOf(options.declaration, options.owner)
    for (const [id, { cidr }] of Object.entries(options.declaration.subnets)) this.#pools.set(id, new AddressPool(cidr))
  }

  /** Sets the host up, in place of what an earlier process left. Rejects with what is missing. */
  static async open(options: NetworksOptions): Promise<Networks> {
    const networks = new Networks(options)
    await networks.#remove()
    const { subnets } = options.declaration
    if (Object.keys(subnets).length === 0) return networks
    const forwarding = (await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8')).trim()
    if (forwarding !== '1') throw new Error('networks for functions need net.ipv4.ip_forward = 1 on this host')
    const folder = join(options.dataDir, 'networks')
    await mkdir(folder, { recursive: true })
    for (const [id, { dns }] of Object.entries(subnets))
      await writeFile(join(folder, id), dns.map((server) => `nameserver ${server}\n`).join(''))
    await run('nft', ['-f', '-'], firewall(options.declaration, networks.#names))
    for (const [id, { cidr }] of Object.entries(subnets)) await ip(bridgeCommands(networks.#bridge(id), cidr))
    return networks
  }

  /** What a VpcConfig can name here. */
  get ids(): readonly string[] {
    const { subnets, securityGroups } = this.#options.declaration
    return [...Object.keys(subnets), ...Object.keys(securityGroups)]
  }

  /** Joins a sandbox to the first of its function's subnets, under its security groups; it leaves when it ends. */
  async join(sandbox: Sandbox, { subnetIds, securityGroupIds }: SandboxSpec): Promise<void> {
    const { declaration, dataDir, log } = this.#options
    const id = subnetIds.find((one) => declaration.subnets[one])
    const unknown = securityGroupIds.find((one) => !declaration.securityGroups[one])
    if (id === undefined || unknown !== undefined)
      throw new Error(`this worker has no network ${unknown ?? subnetIds.join(', ')}`)
    if (sandbox.pid === undefined || !sandbox.showFile) throw new Error('this worker cannot join sandboxes to networks')
    const { cidr } = declaration.subnets[id] as Subnet
    const pool = this.#pools.get(id) as AddressPool
    const address = pool.take()
    if (address === undefined) throw new Error(`${id} has no address left`)
    const sets = securityGroupIds.map((group) => this.#names.sets[group] as string)
    const leave = async (): Promise<void> => {
      try {
        await this.#change('delete', sets, address)
      } finally {
        pool.release(address)
      }
    }
    void sandbox.exited
      .then(leave)
      .catch((error: unknown) => log.error({ err: error }, 'a sandbox could not leave its network'))
    await this.#change('add', sets, address)
    await ip(cableCommands(`wv${sandbox.id.slice(0, 12)}`, this.#bridge(id), sandbox.pid))
    await run(
      'nsenter',
      [`--net=/proc/${sandbox.pid}/ns/net`, 'ip', '-batch', '-'],
      insideCommands(address, cidr).join('\n'),
    )
    await sandbox.showFile(join(dataDir, 'networks', id), '/etc/resolv.conf')
  }

  async close(): Promise<void> {
    await this.#turn
    await this.#remove()
  }

  #bridge(id: string): string {
    return this.#names.bridges[id] as string
  }

  #change(verb: 'add' | 'delete', sets: readonly string[], address: number): Promise<void> {
    const lines = sets.map((set) => `${verb} element inet ${this.#names.table} ${set} { ${addressText(address)} }\n`)
    const change = this.#turn.then(async () => {
      if (lines.length > 0) await run('nft', ['-f', '-'], lines.join(''))
    })
    this.#turn = change.catch(() => undefined)
    return change
  }

  /** Adding and then deleting works whether it is there or not. */
  async #remove(): Promise<void> {
    const { table, bridges } = this.#names
    await run('nft', ['-f', '-'], `add table inet ${table}\ndelete table inet ${table}\n`)
    const there = await run('ip', ['-o', 'link', 'show', 'type', 'bridge'])
    for (const bridge of Object.values(bridges)) if (there.includes(` ${bridge}:`)) await ip([`link del dev ${bridge}`])
    await rm(join(this.#options.dataDir, 'networks'), { recursive: true, force: true })
  }
}

const ip = (commands: readonly string[]): Promise<string> => run('ip', ['-batch', '-'], `${commands.join('\n')}\n`)

/** Runs a program of the host; its complaint is the error. */
async function run(program: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  let complaint = ''
  child.stdout.on('data', (chunk) => (said += chunk))
  child.stderr.on('data', (chunk) => (complaint += chunk))
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${complaint.trim() || `status ${code}`}`)
  return said
}
