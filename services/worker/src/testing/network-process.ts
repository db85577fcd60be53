/**
 * A worker with networks, to be run in a network namespace of its own (`unshare --net`), which stands for the host. Beside
 * it lie two more: "the Internet" with a server at 203.0.113.10 and a private network with one at 192.168.77.10. Arguments:
 * data folder, name of the driver. Prints what functions reached, as JSON.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { drivers } from './drivers.ts'
import { TestWorker } from './test-worker.ts'

const [dataDir = '', driverName = ''] = process.argv.slice(2)
const driver = drivers.find(({ name }) => name === driverName)
if (!driver) throw new Error(`no driver ${driverName}`)
const started: ChildProcess[] = []
const sh = (command: string): string => execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8' })

/** A network with a server at several ports, joined to the host by a cable. */
async function place(name: string, host: string, address: string, ports: readonly number[]): Promise<void> {
  const serve = `
import socket, select
servers = [socket.create_server(("0.0.0.0", port)) for port in ${JSON.stringify(ports)}]
print("up", flush=True)
while True:
    for server in select.select(servers, [], [])[0]:
        link, peer = server.accept(); link.sendall(peer[0].encode()); link.close()`
  const child = spawn('unshare', ['--net', 'sh', '-c', 'read go; exec python3 -u -c "$0"', serve], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  started.push(child)
  await once(child, 'spawn')
  // unshare becomes the shell in its new namespace; until then the process is still in this one.
  const ownNet = sh('readlink /proc/self/ns/net')
  while (sh(`readlink /proc/${child.pid}/ns/net`) === ownNet) await new Promise((resolve) => setImmediate(resolve))
  sh(`ip link add ${name} type veth peer name eth0 netns ${child.pid}
    ip addr add ${host}/24 dev ${name} && ip link set ${name} up
    nsenter --net=/proc/${child.pid}/ns/net sh -c 'ip link set lo up; ip addr add ${address}/24 dev eth0; ip link set eth0 up'`)
  child.stdin?.end('go\n')
  await once(child.stdout as NodeJS.ReadableStream, 'data')
}

sh('ip link set lo up')
writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')
await place('internet', '203.0.113.1', '203.0.113.10', [80, 443, 5432])
await place('private', '192.168.77.1', '192.168.77.10', [80, 5432])
const control = createServer((socket) => socket.end('control')).listen(0, '0.0.0.0')
await once(control, 'listening')
const controlPort = (control.address() as AddressInfo).port

const host = await driver.prepare()
const worker = await TestWorker.start(host.create(dataDir), dataDir, {
  networks: {
    subnets: {
      'subnet-out': { cidr: '10.213.0.0/24', dns: ['203.0.113.53'], reach: [] },
      'subnet-db': { cidr: '10.214.0.0/24', dns: [], reach: ['192.168.77.0/24'] },
    },
    securityGroups: {
      'sg-all': { egress: [{ cidr: '0.0.0.0/0' }] },
      'sg-web': { egress: [{ cidr: '0.0.0.0/0', protocol: 'tcp', ports: [443] }] },
      'sg-none': { egress: [] },
    },
  },
})
const code = {
  'app.py': `
import socket
servers = []
def handler(event, context):
    if "listen" in event: servers.append(socket.create_server(("0.0.0.0", event["listen"])))
    seen = {}
    for host, port in event.get("dial", []):
        try:
            with socket.create_connection((host, port), 1.5) as link: seen[f"{host}:{port}"] = link.recv(100).decode()
        except OSError as error: seen[f"{host}:{port}"] = type(error).__name__
    names = [name for _, name in socket.if_nameindex() if name in ("lo", "eth0")]
    own = None
    if "eth0" in names:
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); probe.connect(("203.0.113.10", 9)); own = probe.getsockname()[0]
    return {"seen": seen, "names": names, "own": own, "resolv": open("/etc/resolv.conf").read()}
`,
}
const spec = { runtime: 'python3.11', handler: 'app.handler', timeoutMs: 60_000 }
const everywhere = (neighbour: string, gateway: string) => ({
  dial: [
    ...[80, 443].map((port) => ['203.0.113.10', port]),
    ['192.168.77.10', 5432],
    [gateway, controlPort],
    ['203.0.113.1', controlPort],
    ['169.254.169.254', 80],
    [neighbour, 7000],
  ],
})
const member = (subnet: string, ...groups: readonly string[]) =>
  worker.environment(code, { ...spec, subnetIds: [subnet], securityGroupIds: [...groups] })
const neighbour = await member('subnet-out', 'sg-all')
const { own } = (await neighbour.call({ listen: 7000 })) as { own: string }
const findings: Record<string, unknown> = { controlPort, neighbour: own }
for (const [name, subnet, group] of [
  ['out', 'subnet-out', 'sg-all'],
  ['web', 'subnet-out', 'sg-web'],
  ['none', 'subnet-out', 'sg-none'],
  ['db', 'subnet-db', 'sg-all'],
] as const) {
  const env = await member(subnet, group)
  findings[name] = await env.call(everywhere(own, subnet === 'subnet-out' ? '10.213.0.1' : '10.214.0.1'))
}
findings.without = await (await worker.environment(code, spec)).call(everywhere(own, '10.213.0.1'))
findings.unknown = await member('subnet-other', 'sg-all').catch((error: Error) => error.message)
findings.ids = worker.worker.networks
await worker[Symbol.asyncDispose]()
await host[Symbol.asyncDispose]()
findings.left = `${sh('nft list ruleset')}${sh('ip -o link show type bridge')}`
control.close()
for (const child of started) child.kill('SIGKILL')
process.stdout.write(JSON.stringify(findings))
