// Builds the images of the fabric with a Docker engine, without any registry unless a public base is chosen:
//   node deploy/build-images.mjs [--base IMAGE] [--tag NAME] [--socket PATH]
// Prints the name of the image. Nothing is built when one of the same content is there.
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import Docker from 'dockerode'
import { nodeBinary } from '../scripts/lib/setup.mjs'
import { atTheEdge, Refusal, root, run, which } from '../scripts/lib/steps.mjs'
import { npmClosure } from './images/npm-closure.mjs'
import { etcFiles, systemFiles } from './images/packages.mjs'

const contextDir = join(root, `.weft/image-context-${process.pid}`)
const sourceFolders = ['libs', 'services', 'deploy', 'proto', 'scripts', 'package.json']
const services = ['frontend', 'placement', 'worker', 'poller', 'async-queue', 'metrics', 'admin'].map(
  (name) => `services/${name}`,
)

/**
 * Builds the image unless one of the same content is there; resolves to its name, `weft:<hash of its content>`. The part
 * that changes seldom is an image of its own, `weft-system:<hash>`.
 */
export async function buildImage({ socketPath = '/var/run/docker.sock', base = 'scratch', log = () => {} } = {}) {
  const docker = new Docker({ socketPath })
  const plan = planOf(base)
  const system = `weft-system:${plan.systemHash}`
  const image = `weft:${plan.hash}`
  try {
    if (await isThere(docker, image)) return image
    if (!(await isThere(docker, system))) {
      log(`laying out ${system}`)
      layOutSystem(plan)
      await build(docker, system, { dockerfile: 'Dockerfile.system', buildargs: { BASE: base }, base, log })
    }
    log(`laying out ${image}`)
    layOutSources(plan)
    await build(docker, image, { dockerfile: 'Dockerfile', buildargs: { SYSTEM: system }, base: 'scratch', log })
    return image
  } finally {
    rmSync(contextDir, { recursive: true, force: true })
  }
}

const isThere = (docker, name) =>
  docker
    .getImage(name)
    .inspect()
    .then(
      () => true,
      (error) => {
        if (error.statusCode === 404) return false
        throw error
      },
    )

/** What goes into the images, and hashes of it. */
function planOf(base) {
  const system = base === 'scratch' ? systemFiles() : { version: [], files: [] }
  const npm = npmClosure([...services, 'deploy/cluster-init'])
  const listed = run('git', ['ls-files', '-co', '--exclude-standard', '--', ...sourceFolders], { cwd: root })
  const sources = [...new Set(listed.split('\n'))].filter(
    (path) => path && !/\.test\.ts$/.test(path) && existsSync(join(root, path)),
  )
  const tools = { node: nodeBinary(), 'nats-server': natsServer() }
  const runtimes = extraRuntimes()
  const hash = createHash('sha256')
  const own = ['deploy/Dockerfile.system', 'deploy/images/finish.sh', 'deploy/images/packages.mjs', 'package-lock.json']
  hash.update(JSON.stringify([base, system.version, npm.folders, [...npm.links], runtimes]))
  for (const path of own) hash.update(readFileSync(join(root, path)))
  for (const path of Object.values(tools)) hash.update(`${path} ${statSync(path).size} ${versionOf(path)}`)
  const systemHash = hash.copy().digest('hex').slice(0, 12)
  for (const path of sources) {
    hash.update(`${path}\n`)
    hash.update(readFileSync(join(root, path)))
  }
  return { base, system, npm, sources, tools, runtimes, systemHash, hash: hash.digest('hex').slice(0, 12) }
}

function natsServer() {
  const found = [process.env.WEFT_NATS_SERVER, join(root, '.weft/tools/nats-server'), which('nats-server')].find(
    (path) => path && existsSync(path),
  )
  if (!found)
    throw new Refusal('there is no nats-server: run npm start once to set it up, or name it in WEFT_NATS_SERVER')
  return found
}

const versionOf = (path) => execFileSync(path, ['--version'], { encoding: 'utf8' }).trim()

/** Node versions that functions may choose, as set-up installed them (relative to the repository). */
function extraRuntimes() {
  const folder = 'libs/runtimes/node-versions/node_modules'
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder))
    .filter((name) => !name.startsWith('.'))
    .map((name) => `${folder}/${name}`)
}

const into = (...path) => join(contextDir, ...path)

/** An empty context with the given folders and files of the repository. */
function startContext(folders, files) {
  rmSync(contextDir, { recursive: true, force: true })
  for (const folder of folders) mkdirSync(into(folder), { recursive: true })
  for (const path of files) cpSync(join(root, path), into(basename(path)))
}

/** Each folder becomes a layer, the most constant first. */
function layOutSystem({ base, system, npm, tools, runtimes }) {
  startContext(['system', 'tools', 'runtimes', 'packages'], ['deploy/Dockerfile.system', 'deploy/images/finish.sh'])
  if (base === 'scratch') layOutRoot(system.files)
  for (const [name, path] of Object.entries(tools)) place(path, into('tools', name))
  for (const path of runtimes) placeTree(join(root, path), into('runtimes', path))
  for (const path of npm.folders) placeTree(join(root, path), into('packages', path))
  for (const [link, target] of npm.links) {
    mkdirSync(into('packages', dirname(link)), { recursive: true })
    symlinkSync(relative(dirname(link), target), into('packages', link))
  }
}

function layOutRoot(files) {
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, into('system', name))
  for (const path of files) place(path, into('system', path))
  for (const name of ['dev', 'proc', 'root', 'run', 'sys', 'tmp', 'var/lib', 'usr/local/bin'])
    mkdirSync(into('system', name), { recursive: true })
  chmodSync(into('system/tmp'), 0o1777)
  for (const [name, text] of Object.entries(etcFiles)) {
    mkdirSync(dirname(into('system/etc', name)), { recursive: true })
    writeFileSync(into('system/etc', name), text)
  }
}

function layOutSources({ sources }) {
  startContext(['sources'], ['deploy/Dockerfile'])
  for (const path of sources) place(join(root, path), into('sources', path))
}

function placeTree(from, to) {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const next = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) placeTree(...next)
    else place(...next)
  }
}

/** Gives a file a second name in the context, or copies it where that cannot be; folders are made as they come. */
function place(from, to) {
  let stat
  try {
    stat = lstatSync(from)
  } catch (error) {
    // dpkg also lists what a package's diversions or an administrator took away.
    if (error.code === 'ENOENT') return
    throw error
  }
  if (stat.isDirectory()) return void mkdirSync(to, { recursive: true })
  if (existsSync(to)) return
  mkdirSync(dirname(to), { recursive: true })
  if (stat.isSymbolicLink()) return symlinkSync(readlinkSync(from), to)
  try {
    linkSync(from, to)
  } catch (error) {
    if (error.code !== 'EXDEV' && error.code !== 'EPERM') throw error
    cpSync(from, to)
  }
}

async function build(docker, name, { dockerfile, buildargs, base, log }) {
  const archive = spawn('tar', ['-c', '-C', contextDir, '--owner=0', '--group=0', '--numeric-owner', '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const answer = await docker.buildImage(archive.stdout, {
    t: name,
    dockerfile,
    buildargs,
    forcerm: true,
    labels: { 'weft.image': 'fabric' },
    // From scratch nothing is fetched; and an engine for tests has no bridge.
    ...(base === 'scratch' && { networkmode: 'none' }),
  })
  await new Promise((resolve, reject) => {
    docker.modem.followProgress(
      answer,
      (error) => (error ? reject(error) : resolve()),
      ({ stream, error }) => {
        if (error) reject(new Refusal(`the image could not be built: ${error}`))
        else if (stream?.startsWith('Step')) log(stream.trim())
      },
    )
  })
}

if (process.argv[1] === import.meta.filename)
  await atTheEdge(async () => {
    const { values } = parseArgs({
      options: { base: { type: 'string' }, socket: { type: 'string' }, tag: { type: 'string' } },
    })
    const socketPath = values.socket ?? process.env.DOCKER_HOST?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock'
    const name = await buildImage({
      socketPath,
      base: values.base ?? 'scratch',
      log: (line) => process.stderr.write(`  ${line}\n`),
    })
    const [repo, tag] = (values.tag ?? 'weft:local').split(':')
    await new Docker({ socketPath }).getImage(name).tag({ repo, tag: tag ?? 'latest' })
    process.stdout.write(`${name}\n`)
    return 0
  })
