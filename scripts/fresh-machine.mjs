// npm run test:fresh [-- --suite trixie] [-- COMMAND…]: makes a bare Debian in a folder, with git, Node and npm and nothing
// else, clones the last commit into it and runs a command there, `npm test` by default. What a newcomer's machine lacks
// shows here. Needs root, and debootstrap, which it installs.
import { cpSync, existsSync, mkdirSync, realpathSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { aptInstall, debianMirror } from './lib/apt.mjs'
import { atTheEdge, foreground, Refusal, root, run, step, which } from './lib/steps.mjs'

/** Inside its own mount namespace the folder becomes the root; nothing of the host is left but the kernel's own views. */
const enter = `set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"; shift
for view in proc sys dev; do mount --rbind /$view $view; done
mount -t tmpfs tmp tmp; mount -t tmpfs run run
mkdir -p before; pivot_root . before; umount -l /before; rmdir /before
cd /root/weft; exec "$@"`

/** How the host reaches its mirrors and registries. */
const ofTheHost = [
  'etc/resolv.conf',
  'etc/hosts',
  'etc/apt/apt.conf.d',
  'etc/ssl/certs/ca-certificates.crt',
  'etc/npmrc',
]

function copyIn(machine, path) {
  if (!existsSync(`/${path}`)) return
  mkdirSync(dirname(join(machine, path)), { recursive: true })
  cpSync(`/${path}`, join(machine, path), { recursive: true, dereference: true })
}

function makeMachine(machine, suite) {
  rmSync(machine, { recursive: true, force: true })
  mkdirSync(machine, { recursive: true })
  const mirror = debianMirror() ?? 'http://deb.debian.org/debian'
  run('debootstrap', ['--variant=minbase', '--include=ca-certificates,git', suite, machine, mirror])
  for (const path of ofTheHost) copyIn(machine, path)
  if (process.env.HOME && existsSync(join(process.env.HOME, '.npmrc')))
    cpSync(join(process.env.HOME, '.npmrc'), join(machine, 'root/.npmrc'))
  cpSync(process.execPath, join(machine, 'usr/bin/node'))
  const npm = join(dirname(realpathSync(which('npm'))), '..')
  cpSync(npm, join(machine, 'usr/lib/node_modules/npm'), { recursive: true })
  for (const name of ['npm', 'npx'])
    run('ln', ['-sf', `../lib/node_modules/npm/bin/${name}-cli.js`, join(machine, 'usr/bin', name)])
}

await atTheEdge(async () => {
  if (process.getuid?.() !== 0) throw new Refusal('a machine in a folder needs root: run it with sudo')
  const args = process.argv.slice(2)
  const suite = args[0] === '--suite' ? args.splice(0, 2)[1] : 'bookworm'
  if (!/^[a-z]+$/.test(suite ?? '')) throw new Refusal('--suite takes the name of a Debian release')
  const command = args.length > 0 ? args : ['npm', 'test']
  if (!which('debootstrap')) step('debootstrap', () => aptInstall(['debootstrap']))
  const machine = join(root, '.weft', `fresh-${suite}`)
  step(`a bare Debian ${suite}`, () => makeMachine(machine, suite))
  step('a fresh clone', () => {
    run('git', ['clone', '-q', '--no-hardlinks', root, join(machine, 'root/weft')])
    return run('git', ['-C', join(machine, 'root/weft'), 'log', '-1', '--format=%h %s']).trim()
  })
  const { NODE_EXTRA_CA_CERTS: ca } = process.env
  const env = {
    ...{ HOME: '/root', LANG: 'C.UTF-8', TERM: process.env.TERM ?? 'dumb' },
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ...(ca && { NODE_EXTRA_CA_CERTS: ca }),
  }
  return foreground('unshare', ['--mount', 'bash', '-c', enter, 'fresh', machine, ...command], { env })
})
