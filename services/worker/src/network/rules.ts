/** The firewall of declared networks as a program for nft, and the commands for ip that join a sandbox to one. */
import { addressText, cidrOf, type EgressRule, type NetworkDeclaration } from './declaration.ts'

/** Never reached by any function: this host, link-local (metadata services), multicast, reserved. */
const forbidden = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3']
/** Reached only by subnets that are declared to lead there: the operator's own networks, among them the control plane. */
const privateRanges = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
]

export interface NetworkNames {
  readonly table: string
  /** Bridge of each subnet, by its id. */
  readonly bridges: Readonly<Record<string, string>>
  /** Set of addresses of each security group, by its id. */
  readonly sets: Readonly<Record<string, string>>
}

/** `owner`: hex digits that tell one worker's things on a host from another's. */
export function namesOf(declaration: NetworkDeclaration, owner: string): NetworkNames {
  const numbered = (ids: string[], name: (index: number) => string) =>
    Object.fromEntries(ids.sort().map((id, index) => [id, name(index)]))
  return {
    table: `weft_${owner}`,
    // Names of interfaces have 15 characters at most.
    bridges: numbered(Object.keys(declaration.subnets), (index) => `wf${owner.slice(0, 8)}b${index}`),
    sets: numbered(Object.keys(declaration.securityGroups), (index) => `group${index}`),
  }
}

/** The whole table: who may go where. What is not allowed is dropped; nobody is answered who was not asked. */
export function firewall({ subnets, securityGroups }: NetworkDeclaration, names: NetworkNames): string {
  const bridges = Object.values(names.bridges).map((bridge) => `"${bridge}"`)
  if (bridges.length === 0) return ''
  const inside = `{ ${bridges.join(', ')} }`
  const lines = [`table inet ${names.table} {`]
  for (const set of Object.values(names.sets)) lines.push(`  set ${set} { type ipv4_addr; }`)
  lines.push(
    '  chain groups {',
    ...Object.entries(securityGroups).flatMap(([id, { egress }]) =>
      egress.map((rule) => `    ip saddr @${names.sets[id]} ${ruleText(rule)} accept`),
    ),
    '    drop',
    '  }',
  )
  for (const [id, { cidr, reach }] of Object.entries(subnets)) {
    lines.push(
      `  chain from_${names.bridges[id]} {`,
      '    ct state established,related accept',
      // Nobody speaks in another's name.
      `    ip saddr != ${cidr} drop`,
      '    meta nfproto != ipv4 drop',
      `    ip daddr { ${forbidden.join(', ')} } drop`,
      ...(reach.length === 0 ? [] : [`    ip daddr { ${reach.join(', ')} } jump groups`]),
      `    ip daddr { ${privateRanges.join(', ')} } drop`,
      '    jump groups',
      '  }',
    )
  }
  lines.push(
    '  chain input {',
    '    type filter hook input priority -5; policy accept;',
    `    iifname ${inside} drop`,
    '  }',
    '  chain forward {',
    '    type filter hook forward priority -5; policy accept;',
    `    iifname ${inside} oifname ${inside} drop`,
    ...Object.values(names.bridges).map((bridge) => `    iifname "${bridge}" jump from_${bridge}`),
    `    oifname ${inside} ct state established,related accept`,
    `    oifname ${inside} drop`,
    '  }',
    '  chain postrouting {',
    '    type nat hook postrouting priority 100; policy accept;',
    ...Object.entries(subnets).map(
      ([id, { cidr }]) => `    ip saddr ${cidr} oifname != "${names.bridges[id]}" masquerade`,
    ),
    '  }',
    '}',
  )
  return `${lines.join('\n')}\n`
}

function ruleText({ cidr, protocol, ports }: EgressRule): string {
  const what =
    protocol === undefined ? '' : ports ? `${protocol} dport { ${ports.join(', ')} }` : `ip protocol ${protocol}`
  return `ip daddr ${cidr} ${what}`.trimEnd()
}

/** For ip -batch on the host: a bridge that leads out of the subnet. */
export function bridgeCommands(bridge: string, cidr: string): readonly string[] {
  const { base, bits } = cidrOf(cidr, 'cidr')
  return [
    `link add name ${bridge} type bridge`,
    `addr add ${addressText(base + 1)}/${bits} dev ${bridge}`,
    `link set dev ${bridge} up`,
  ]
}

/** For ip -batch on the host: a cable from the bridge into the network of the process. Sandboxes do not see each other. */
export const cableCommands = (cable: string, bridge: string, pid: number): readonly string[] => [
  `link add name ${cable} type veth peer name eth0 netns ${pid}`,
  `link set dev ${cable} master ${bridge}`,
  `link set dev ${cable} type bridge_slave isolated on`,
  `link set dev ${cable} up`,
]

/** For ip -batch inside. */
export function insideCommands(address: number, cidr: string): readonly string[] {
  const { base, bits } = cidrOf(cidr, 'cidr')
  return [
    'link set dev lo up',
    `addr add ${addressText(address)}/${bits} dev eth0`,
    'link set dev eth0 up',
    `route add default via ${addressText(base + 1)}`,
    'route add blackhole 169.254.0.0/16',
  ]
}

/** Addresses of one subnet on this worker. The first is the way out. */
export class AddressPool {
  readonly #first: number
  readonly #end: number
  readonly #taken = new Set<number>()
  #next: number

  constructor(cidr: string) {
    const { base, bits } = cidrOf(cidr, 'cidr')
    this.#first = base + 2
    this.#end = base + 2 ** (32 - bits) - 1
    this.#next = this.#first
  }

  /** Not the one that was given back last: whoever still answers to it is not to be mistaken. Undefined: all are taken. */
  take(): number | undefined {
    for (let tried = this.#first; tried < this.#end; tried++) {
      const address = this.#next
      this.#next = address + 1 < this.#end ? address + 1 : this.#first
      if (this.#taken.has(address)) continue
      this.#taken.add(address)
      return address
    }
    return undefined
  }

  release(address: number): void {
    this.#taken.delete(address)
  }
}
