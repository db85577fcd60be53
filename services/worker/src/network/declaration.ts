/** The networks that an operator declares for functions: what a VpcConfig can name. */
import { err, ok, type Result } from '@weft/contracts'

export interface NetworkDeclaration {
  readonly subnets: Readonly<Record<string, Subnet>>
  readonly securityGroups: Readonly<Record<string, SecurityGroup>>
}

export interface Subnet {
  /** IPv4 addresses of the sandboxes on one worker; they are translated on the way out, so every worker may use the same. */
  readonly cidr: string
  /** Name servers that functions use. */
  readonly dns: readonly string[]
  /** Private ranges that it leads to; the public Internet it leads to anyway, as far as security groups allow. */
  readonly reach: readonly string[]
}

export interface SecurityGroup {
  readonly egress: readonly EgressRule[]
}

export interface EgressRule {
  readonly cidr: string
  /** Absent: every protocol. */
  readonly protocol?: 'tcp' | 'udp' | 'icmp'
  /** Absent: every port. */
  readonly ports?: readonly number[]
}

export interface Cidr {
  readonly base: number
  readonly bits: number
}

/** Reads a declaration; the error names what is wrong and where. */
export function parseDeclaration(text: string): Result<NetworkDeclaration, string> {
  try {
    const value = objectOf(JSON.parse(text), 'the declaration')
    const subnets = entriesOf(value.subnets, 'subnets', /^subnet-[0-9a-z-]{1,40}$/, subnetOf)
    const securityGroups = entriesOf(value.securityGroups, 'securityGroups', /^sg-[0-9a-z-]{1,40}$/, groupOf)
    return ok({ subnets, securityGroups })
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error))
  }
}

/** `a.b.c.d/n`; throws for anything else, and for bits beyond the prefix. */
export function cidrOf(text: unknown, where: string): Cidr {
  const [, a, b, c, d, n] = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(`${text}`) ?? []
  const parts = [a, b, c, d].map(Number)
  const bits = Number(n)
  if (n === undefined || parts.some((part) => part > 255) || bits > 32)
    throw new Error(`${where}: "${text}" is no range`)
  const base = parts.reduce((sum, part) => sum * 256 + part, 0)
  if (base % 2 ** (32 - bits) !== 0) throw new Error(`${where}: "${text}" has bits beyond its prefix`)
  return { base, bits }
}

export const addressText = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')

function subnetOf(value: Readonly<Record<string, unknown>>, where: string): Subnet {
  const { bits } = cidrOf(value.cidr, `${where}.cidr`)
  if (bits < 16 || bits > 28) throw new Error(`${where}.cidr: a prefix of 16 to 28 bits is needed`)
  const dns = listOf(value.dns, `${where}.dns`).map((one) => addressOf(one, `${where}.dns`))
  const reach = listOf(value.reach, `${where}.reach`).map((one) => rangeOf(one, `${where}.reach`))
  return { cidr: `${value.cidr}`, dns, reach }
}

function groupOf(value: Readonly<Record<string, unknown>>, where: string): SecurityGroup {
  return {
    egress: listOf(value.egress, `${where}.egress`).map((one, index) => {
      const at = `${where}.egress[${index}]`
      const { cidr, protocol, ports } = objectOf(one, at)
      if (protocol !== undefined && protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'icmp')
        throw new Error(`${at}.protocol must be tcp, udp or icmp`)
      const numbers = ports === undefined ? undefined : listOf(ports, `${at}.ports`).map((port) => portOf(port, at))
      if (numbers && protocol !== 'tcp' && protocol !== 'udp') throw new Error(`${at}.ports needs tcp or udp`)
      return { cidr: rangeOf(cidr, `${at}.cidr`), ...(protocol && { protocol }), ...(numbers && { ports: numbers }) }
    }),
  }
}

function rangeOf(value: unknown, where: string): string {
  cidrOf(value, where)
  return `${value}`
}

function addressOf(value: unknown, where: string): string {
  cidrOf(`${value}/32`, where)
  return `${value}`
}

function portOf(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536) return value
  throw new Error(`${where}.ports: ${value} is no port`)
}

function entriesOf<T>(
  value: unknown,
  where: string,
  pattern: RegExp,
  read: (value: Readonly<Record<string, unknown>>, where: string) => T,
): Readonly<Record<string, T>> {
  const entries = Object.entries(objectOf(value ?? {}, where))
  return Object.fromEntries(
    entries.map(([name, one]) => {
      if (!pattern.test(name)) throw new Error(`${where}: "${name}" is no id`)
      return [name, read(objectOf(one, `${where}.${name}`), `${where}.${name}`)]
    }),
  )
}

function listOf(value: unknown, where: string): readonly unknown[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw new Error(`${where} must be a list`)
  return value
}

function objectOf(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Error(`${where} must be an object`)
}
