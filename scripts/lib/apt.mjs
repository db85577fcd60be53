// Debian packages: installing what is missing, and unpacking a newer one without installing it.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Refusal, run, which } from './steps.mjs'

const isRoot = () => process.getuid?.() === 0
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Installs packages with the host's apt, through sudo where needed. */
export function aptInstall(packages) {
  if (!which('apt-get')) {
    throw new Refusal(
      `this machine has no apt-get; install by hand what these Debian packages hold: ${packages.join(', ')}`,
    )
  }
  if (!isRoot() && !which('sudo')) {
    throw new Refusal(`installing ${packages.join(', ')} needs root: run as root, or install sudo`)
  }
  const apt = (...args) => {
    // At run level 1 packages start no daemons of theirs: only the programs are wanted.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
    return isRoot()
      ? run('apt-get', args, { env })
      : run('sudo', ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'apt-get', ...args], {
          stdio: ['inherit', 'pipe', 'pipe'],
        })
  }
  apt('update', '-q')
  apt('install', '-q', '-y', '--no-install-recommends', ...packages)
}

/**
 * The host's own Debian mirror: the first source of a release of Debian with its component main. Other publishers have
 * folders named debian too; cloud images name a list of mirrors.
 */
export function debianMirror(etcApt = '/etc/apt') {
  const files = [join(etcApt, 'sources.list')]
  const folder = join(etcApt, 'sources.list.d')
  if (existsSync(folder))
    files.push(
      ...readdirSync(folder)
        .sort()
        .map((name) => join(folder, name)),
    )
  const found = files.filter(existsSync).flatMap((file) => {
    const text = readFileSync(file, 'utf8')
    if (file.endsWith('.sources')) {
      return text
        .split(/\n\s*\n/)
        .filter((stanza) => !/^Enabled:\s*no/im.test(stanza) && /^Types:.*\bdeb\b/im.test(stanza))
        .filter((stanza) => /^Components:.*\bmain\b/im.test(stanza))
        .map((stanza) => [/^URIs:\s*(\S+)/im.exec(stanza)?.[1], /^Suites:\s*(.+)$/im.exec(stanza)?.[1] ?? ''])
    }
    if (!file.endsWith('.list')) return []
    return text
      .split('\n')
      .map((line) => /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)(?:\s+\S+)*?\s+main\b/.exec(line))
      .filter(Boolean)
      .map(([, uri, suite]) => [uri, suite])
  })
  const release = (suites) =>
    suites.split(/\s+/).some((suite) => /^(bookworm|trixie|forky|sid|stable|testing)$/.test(suite))
  return found.find(
    ([uri, suites]) => uri && /\/debian\/?$|^mirror\+file:.*\/debian\.list$/.test(uri) && release(suites),
  )?.[0]
}

/**
 * Unpacks one file of a Debian package of the given suite to `target`, with apt's signature checks but with a state of
 * its own, so that the host's package lists and installed packages stay as they are.
 */
export function unpackFromSuite({ suite, packageName, file, target, workDir }) {
  const mirror = debianMirror()
  if (!mirror)
    throw new Refusal(
      'no Debian mirror was found in /etc/apt, so nats-server cannot be fetched; put nats-server ≥ 2.10.27 on the PATH',
    )
  if (!existsSync(keyring)) throw new Refusal(`${keyring} is missing: install the package debian-archive-keyring`)
  rmSync(workDir, { recursive: true, force: true })
  for (const folder of ['lists/partial', 'archives/partial']) mkdirSync(join(workDir, folder), { recursive: true })
  writeFileSync(join(workDir, 'sources.list'), `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`)
  writeFileSync(join(workDir, 'status'), '')
  const options = [
    `Dir::Etc::sourcelist=${join(workDir, 'sources.list')}`,
    'Dir::Etc::sourceparts=/dev/null',
    'Dir::Etc::preferencesparts=/dev/null',
    `Dir::State::lists=${join(workDir, 'lists')}`,
    `Dir::State::status=${join(workDir, 'status')}`,
    `Dir::Cache::archives=${join(workDir, 'archives')}`,
    'Dir::Cache::pkgcache=',
    'Dir::Cache::srcpkgcache=',
    'Acquire::Languages=none',
    ...(isRoot() ? ['APT::Sandbox::User=root'] : []),
  ].flatMap((option) => ['-o', option])
  run('apt-get', ['-q', ...options, 'update'], { cwd: workDir })
  run('apt-get', ['-q', ...options, 'download', packageName], { cwd: workDir })
  const archive = readdirSync(workDir).find((name) => name.startsWith(`${packageName}_`) && name.endsWith('.deb'))
  if (!archive) throw new Refusal(`apt-get downloaded no package ${packageName} of ${suite}`)
  run('dpkg-deb', ['-x', archive, 'unpacked'], { cwd: workDir })
  renameSync(join(workDir, 'unpacked', file), target)
  rmSync(workDir, { recursive: true, force: true })
}

/** Those of the packages that dpkg does not have installed; all of them where there is no dpkg. */
export function missingPackages(packages) {
  if (!which('dpkg-query')) return packages
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders.
  const format = '-f=${Package} ${db:Status-Status}\\n'
  const { stdout } = spawnSync('dpkg-query', ['-W', format, ...packages], { encoding: 'utf8' })
  const installed = new Set(stdout.split('\n').filter((line) => line.endsWith(' installed')))
  return packages.filter((name) => !installed.has(`${name} installed`) && !onlyInLaterReleases.includes(name))
}

/** Split off after Debian 12; where it exists, the package it came from depends on it. */
const onlyInLaterReleases = ['util-linux-extra']
