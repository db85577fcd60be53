import { BlockList, isIP, isIPv6 } from 'node:net'

/**
 * Which registries may be asked, and on which addresses. Tenants choose the URI of an image, so the frontend must not
 * become their way into the network it stands in: addresses that are not of the public internet are reached only for
 * registries that the operator lists, and http is spoken with such registries only.
 */
export class RegistryAccess {
  readonly #secure = new Set<string>()
  readonly #plain = new Set<string>()

  /** `host[:port]`, or with `https://` or `http://` ahead. Without either, a loopback name or address means http. */
  constructor(listed: readonly string[]) {
    for (const entry of listed) {
      const url = entryUrl(entry)
      ;(url.protocol === 'http:' ? this.#plain : this.#secure).add(url.host)
    }
  }

  /** Where the API of a registry is. */
  baseUrl(registry: string): URL {
    const plain = new URL(`http://${apiHost(registry)}`)
    return this.#plain.has(plain.host) ? plain : new URL(`https://${apiHost(registry)}`)
  }

  /** Whether a URL may be asked at all; the address that its name leads to must be allowed as well. */
  allowsUrl(url: URL): boolean {
    if (url.username !== '' || url.password !== '') return false
    if (url.protocol === 'http:' ? !this.#plain.has(url.host) : url.protocol !== 'https:') return false
    const literal = url.hostname.replace(/^\[|\]$/g, '')
    return isIP(literal) === 0 || this.allowsAddress(url, literal)
  }

  allowsAddress(url: URL, address: string): boolean {
    const listed = url.protocol === 'http:' ? this.#plain : this.#secure
    return listed.has(url.host) || isPublicAddress(address)
  }
}

/** What is wrong with an entry of the operator's list, if anything. */
export function registryEntryProblem(entry: string): string | undefined {
  const text = /^https?:\/\//.test(entry) ? entry : `https://${entry}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlainHost = url && url.pathname === '/' && !url.search && !url.hash && !url.username && !url.password
  return isPlainHost ? undefined : `${JSON.stringify(entry)} is not a registry: host[:port], or http://host[:port]`
}

const entryUrl = (entry: string): URL => {
  if (/^https?:\/\//.test(entry)) return new URL(entry)
  return new URL(`${isLoopback(new URL(`https://${entry}`).hostname) ? 'http' : 'https'}://${entry}`)
}

const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)

/** Docker's own registry has another host than its name. */
const apiHost = (registry: string): string =>
  registry === 'docker.io' || registry === 'index.docker.io' ? 'registry-1.docker.io' : registry

/** IANA's special-purpose registries: whatever is not globally reachable unicast. */
const insideV4 = new BlockList()
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  insideV4.addSubnet(net, prefix, 'ipv4')

const globalV6 = new BlockList()
globalV6.addSubnet('2000::', 3, 'ipv6')
/** Of these, documentation, and what carries an IPv4 address inside. */
const insideV6 = new BlockList()
for (const [net, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  insideV6.addSubnet(net, prefix, 'ipv6')

export const isPublicAddress = (address: string): boolean =>
  isIPv6(address)
    ? globalV6.check(address, 'ipv6') && !insideV6.check(address, 'ipv6')
    : !insideV4.check(address, 'ipv4')
