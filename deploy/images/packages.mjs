// The part of the host's Debian that services and sandboxes need: the files of some packages and of all they depend on.
import { readFileSync } from 'node:fs'
import { Refusal, run } from '../../scripts/lib/steps.mjs'

/** What the worker runs (runc, mount, mkfs.ext4, nsenter, python3, nft, ip) and what a function may expect of its system. */
export const imagePackages = [
  ...[
    'libc6',
    'libc-bin',
    'libstdc++6',
    'libgcc-s1',
    'base-files',
    'coreutils',
    'dash',
    'bash',
    'grep',
    'sed',
    'findutils',
  ],
  ...[
    'runc',
    'mount',
    'util-linux',
    'util-linux-extra',
    'e2fsprogs',
    'python3',
    'ca-certificates',
    'tzdata',
    'tar',
    'gzip',
  ],
  ...['nftables', 'iproute2'],
]

/** Only needed to install or configure packages, which never happens in an image. */
const left = [
  ...[
    'dpkg',
    'perl-base',
    'debconf',
    'debconf-2.0',
    'init-system-helpers',
    'adduser',
    'passwd',
    'login',
    'media-types',
  ],
  ...['logsave', 'libpam-modules', 'libpam-modules-bin', 'libpam-runtime', 'lsb-base', 'sysvinit-utils', 'iptables'],
]

/** Documentation and translations; and compiled Python, which would differ from build to build. */
const unwanted =
  /^\/usr\/share\/(doc|man|info|locale|lintian|bug|bash-completion|zsh|menu|pixmaps|applications|common-licenses|base-files)\/|^\/usr\/include\/|\.(a|pyc)$|^\/usr\/lib\/python3[^/]*\/(test|idlelib|ensurepip|lib2to3)\/|^\/(etc|var)\//

/** Installed packages: name → version, names it depends on (alternatives apart). */
function installed() {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders.
  const format = '${Package}\\t${Version}\\t${db:Status-Status}\\t${Pre-Depends}, ${Depends}\\t${Provides}\\n'
  const packages = new Map()
  const providers = new Map()
  for (const line of run('dpkg-query', ['-W', `-f=${format}`]).split('\n')) {
    const [name, version, status, depends = '', provides = ''] = line.split('\t')
    if (status !== 'installed') continue
    const names = (text) =>
      text
        .split(',')
        .map((group) => group.split('|').map((one) => one.trim().split(/[ :(]/)[0]))
        .filter(([first]) => first)
    packages.set(name, { version, needs: names(depends) })
    for (const [provided] of names(provides)) providers.set(provided, name)
  }
  return { packages, find: (name) => (packages.has(name) ? name : providers.get(name)) }
}

/** `{ version, files }`: what identifies this choice of packages, and absolute paths, all below /usr. */
export function systemFiles() {
  const { packages, find } = installed()
  const chosen = new Map()
  const visit = (alternatives, by) => {
    const name = alternatives.map(find).find(Boolean)
    if (!name) throw new Refusal(`the image needs the Debian package ${alternatives.join(' or ')} (for ${by})`)
    if (chosen.has(name) || left.includes(name)) return
    const { version, needs } = packages.get(name)
    chosen.set(name, version)
    for (const group of needs) if (!group.every((one) => left.includes(one))) visit(group, name)
  }
  for (const name of imagePackages) if (find(name) || name !== 'util-linux-extra') visit([name], 'the image')
  const files = new Set()
  for (const path of run('dpkg-query', ['-L', ...chosen.keys()]).split('\n')) {
    if (!path.startsWith('/') || path === '/.') continue
    // Packages still name the folders that have moved below /usr.
    const real = path.replace(/^\/(bin|sbin|lib|lib64)(?=\/)/, '/usr/$1')
    if (real.startsWith('/usr/') && !unwanted.test(real)) files.add(real)
  }
  return { version: [...chosen].map(([name, version]) => `${name}=${version}`).sort(), files: [...files].sort() }
}

/** Files of /etc that programs look for; nothing that tells of this host. */
export const etcFiles = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  group: 'root:x:0:\nnogroup:x:65534:\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  'os-release': readFileSync('/usr/lib/os-release', 'utf8'),
  'ssl/certs/ca-certificates.crt': readFileSync('/etc/ssl/certs/ca-certificates.crt', 'utf8'),
}
