import { limits } from '@weft/contracts'
import type { CodeFolders, ProgramRequest, RuntimeImage, SeccompProfile } from '@weft/sandbox'

/** The user that function code runs as inside, named as AWS names it. Uid 0 inside exists, is nobody outside, and runs nothing. */
export const insideUser = { uid: 993, gid: 990, name: 'sbx_user1051' } as const
/** Users that one sandbox has on the host. */
export const usersPerSandbox = 1_024

export interface BundleRequest {
  readonly sandboxId: string
  readonly runtime: RuntimeImage
  /** The first of the host's users that are the sandbox's. */
  readonly firstHostUid: number
  readonly rootfs: string
  readonly tmpDir: string
  readonly socketDir: string
  readonly code: CodeFolders | undefined
  readonly cgroupPath: string
  readonly memoryBytes: number
  readonly seccomp: SeccompProfile
  /** This process's own hard limit of open files, which cannot be raised without a privilege that may be missing. */
  readonly openFilesHardLimit: number
  /** Host folders and files that every sandbox sees, read-only, under their own names. */
  readonly sharedHostPaths: readonly string[]
}

const readOnlyBind = (source: string, destination: string) => ({
  destination,
  type: 'bind',
  source,
  options: ['bind', 'ro', 'nosuid', 'nodev', 'rprivate'],
})

/** A process in a sandbox, the first or one beside it: an unprivileged user without any capability or way to gain one. */
export function processConfig(
  program: Pick<ProgramRequest, 'command' | 'environment' | 'folder'>,
  openFilesHardLimit: number,
) {
  const rlimit = (type: string, value: number) => ({ type, soft: value, hard: value })
  return {
    terminal: false,
    user: { uid: insideUser.uid, gid: insideUser.gid },
    args: [...program.command],
    env: Object.entries(program.environment).map(([name, value]) => `${name}=${value}`),
    cwd: program.folder,
    capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
    rlimits: [
      rlimit('RLIMIT_NOFILE', Math.min(limits.openFiles, openFilesHardLimit)),
      rlimit('RLIMIT_CORE', 0),
      rlimit('RLIMIT_MEMLOCK', 65_536),
      rlimit('RLIMIT_MSGQUEUE', 0),
    ],
    noNewPrivileges: true,
  }
}

/**
 * The OCI configuration of a stem, hardened: user namespace with users of its own, no capability, no new privileges, own
 * namespaces for everything, a read-only root of the host's /usr, limits, and a system call filter. No CPU quota: a stem
 * that boots on a small share takes five times as long.
 */
export function bundleConfig(request: BundleRequest) {
  const { runtime, firstHostUid } = request
  const users = [{ containerID: 0, hostID: firstHostUid, size: usersPerSandbox }]
  return {
    ociVersion: '1.0.2',
    root: { path: request.rootfs, readonly: true },
    hostname: 'sandbox',
    process: processConfig({ ...runtime, folder: '/tmp' }, request.openFilesHardLimit),
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
      },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      ...request.sharedHostPaths.map((path) => readOnlyBind(path, path)),
      readOnlyBind(request.socketDir, '/run/weft'),
      {
        destination: '/tmp',
        type: 'bind',
        source: request.tmpDir,
        options: ['bind', 'rw', 'nosuid', 'nodev', 'rprivate'],
      },
      ...(request.code ? [readOnlyBind(request.code.taskDir, '/var/task')] : []),
      ...(request.code?.layersDir === undefined ? [] : [readOnlyBind(request.code.layersDir, '/opt')]),
      // Last: they may lie below the shared ones.
      ...runtime.binds.map(([host, inside]) => readOnlyBind(host, inside)),
    ],
    linux: {
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'user', 'cgroup'].map((type) => ({ type })),
      uidMappings: users,
      gidMappings: users,
      cgroupsPath: request.cgroupPath,
      resources: {
        devices: [{ allow: false, access: 'rwm' }],
        memory: { limit: request.memoryBytes, swap: request.memoryBytes },
        pids: { limit: limits.processes },
      },
      seccomp: request.seccomp,
      rootfsPropagation: 'rprivate',
      maskedPaths: [
        ...['/proc/acpi', '/proc/asound', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list'],
        ...[
          '/proc/timer_stats',
          '/proc/sched_debug',
          '/proc/scsi',
          '/proc/kmsg',
          '/proc/config.gz',
          '/proc/kpagecount',
        ],
        ...['/sys/firmware', '/sys/devices/virtual/powercap'],
      ],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
    },
  }
}
