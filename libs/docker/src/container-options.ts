import { limits } from '@weft/contracts'
import type { RuntimeImage, SeccompProfile } from '@weft/sandbox'
import type Docker from 'dockerode'

/** On every container and so on every leftover: the data folder of the worker that made it, and the sandbox's id. */
export const ownerLabel = 'weft.owner'
export const sandboxLabel = 'weft.sandbox'

export interface ContainerRequest {
  readonly name: string
  readonly owner: string
  readonly sandboxId: string
  readonly image: string
  /** The image is the function's, and has all that the function sees: nothing of the host's is laid over it. */
  readonly bringsItsRoot?: boolean
  readonly runtime: RuntimeImage
  /** Unlike that of any other sandbox, and not 0. */
  readonly uid: number
  /** Host folders and files of this sandbox. */
  readonly paths: SandboxPaths
  /** Host files that exist and are bound read-only where the sandbox expects them. */
  readonly hostFiles: readonly string[]
  readonly memoryBytes: number
  readonly seccomp: SeccompProfile
  /** Name by which the engine knows the low-level runtime: runc, runsc, … */
  readonly engineRuntime: string
}

export interface SandboxPaths {
  readonly run: string
  readonly task: string
  readonly layers: string
  readonly tmp: string
  readonly passwd: string
  readonly group: string
  readonly hosts: string
}

type Mount = NonNullable<Docker.HostConfig['Mounts']>[number]

const bind = (Source: string, Target: string, ReadOnly: boolean): Mount => ({
  Type: 'bind',
  Source,
  Target,
  ReadOnly,
  BindOptions: { Propagation: 'rprivate' },
})

/**
 * The container of a stem, hardened: no network, no capability, no new privileges, a read-only root, a user and a group
 * of its own, private namespaces, neither /dev/shm nor message queues, limits on memory, processes and open files, and
 * no log kept by the engine. No CPU quota: a stem that boots on a small share takes five times as long.
 */
export function containerOptions(request: ContainerRequest): Docker.ContainerCreateOptions {
  const { runtime, paths, uid } = request
  const code = [bind(paths.task, '/var/task', true), bind(paths.layers, '/opt', true)]
  const own = [
    bind(paths.run, '/run/weft', true),
    bind(paths.tmp, '/tmp', false),
    bind(paths.passwd, '/etc/passwd', true),
    bind(paths.group, '/etc/group', true),
    bind(paths.hosts, '/etc/hosts', true),
  ]
  const taken = new Set(runtime.binds.map(([, inside]) => inside))
  const shared = request.hostFiles.filter((path) => !taken.has(path)).map((path) => bind(path, path, true))
  const system = request.bringsItsRoot ? [] : [...shared, ...code]
  return {
    name: request.name,
    Image: request.image,
    Entrypoint: runtime.command.slice(0, 1),
    Cmd: runtime.command.slice(1),
    Env: Object.entries(runtime.environment).map(([key, value]) => `${key}=${value}`),
    User: `${uid}:${uid}`,
    WorkingDir: request.bringsItsRoot ? '/' : '/var/task',
    Hostname: 'sandbox',
    Labels: { [ownerLabel]: request.owner, [sandboxLabel]: request.sandboxId },
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    OpenStdin: false,
    NetworkDisabled: false,
    StopSignal: 'SIGKILL',
    HostConfig: {
      Runtime: request.engineRuntime,
      NetworkMode: 'none',
      IpcMode: 'none',
      CgroupnsMode: 'private',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true', `seccomp=${JSON.stringify(request.seccomp)}`],
      Memory: request.memoryBytes,
      MemorySwap: request.memoryBytes,
      PidsLimit: limits.processes,
      Ulimits: [
        { Name: 'nofile', Soft: limits.openFiles, Hard: limits.openFiles },
        { Name: 'core', Soft: 0, Hard: 0 },
        { Name: 'msgqueue', Soft: 0, Hard: 0 },
        { Name: 'memlock', Soft: 65_536, Hard: 65_536 },
      ],
      // Output is read from the attached stream; a log of the engine's would grow with whatever a function prints.
      LogConfig: { Type: 'none', Config: {} },
      // The runtime's files come last: they may lie below the shared ones.
      Mounts: [...system, ...own, ...runtime.binds.map(([host, inside]) => bind(host, inside, true))],
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
      Init: false,
    } as Docker.HostConfig,
  }
}

/** Users and groups as the sandbox sees them, so that its own has a name and a home. */
export const passwdFile = (uid: number): string =>
  `root:x:0:0:root:/:/sbin/nologin\nsandbox:x:${uid}:${uid}::/tmp:/sbin/nologin\n`
/** By the last two names extensions are reached when the platform sends them something. */
export const hostsFile = '127.0.0.1 localhost sandbox sandbox.localdomain\n::1 localhost\n'
export const groupFile = (uid: number): string => `root:x:0:\nsandbox:x:${uid}:\n`
