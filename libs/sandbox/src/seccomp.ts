/**
 * System calls that no sandbox may make, in the form that the OCI runtime specification and the Docker Engine share.
 *
 * A list of what is denied, not of what is allowed: runc compiles the filter at every start, and the usual allow list of
 * some 350 names costs 15 ms of a cold start. Capabilities, namespaces and an unprivileged user already refuse most of
 * what is listed; the filter takes away the kernel code that such calls would reach.
 */
export interface SeccompProfile {
  readonly defaultAction: 'SCMP_ACT_ALLOW'
  readonly architectures: readonly string[]
  readonly syscalls: readonly SeccompRule[]
}

export interface SeccompRule {
  readonly names: readonly string[]
  readonly action: 'SCMP_ACT_ERRNO'
  readonly errnoRet: number
  readonly args?: readonly {
    readonly index: number
    readonly value: number
    readonly valueTwo?: number
    readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_GT' | 'SCMP_CMP_MASKED_EQ'
  }[]
}

const EPERM = 1
const ENOSYS = 38
const EAFNOSUPPORT = 97

const denied = [
  // Large kernel surfaces with a history of escapes.
  ...['io_uring_setup', 'io_uring_enter', 'io_uring_register', 'bpf', 'userfaultfd', 'perf_event_open'],
  ...['keyctl', 'add_key', 'request_key'],
  // Namespaces and mounts.
  ...['unshare', 'setns', 'mount', 'umount', 'umount2', 'pivot_root', 'chroot', 'mount_setattr', 'move_mount'],
  ...['open_tree', 'open_tree_attr', 'fsopen', 'fsconfig', 'fsmount', 'fspick', 'listmount', 'statmount'],
  // Other processes and files by handle.
  ...['ptrace', 'process_vm_readv', 'process_vm_writev', 'process_madvise', 'kcmp', 'pidfd_getfd'],
  ...['name_to_handle_at', 'open_by_handle_at', 'fanotify_init', 'fanotify_mark', 'lookup_dcookie'],
  // The machine as a whole.
  ...['init_module', 'finit_module', 'delete_module', 'kexec_load', 'kexec_file_load', 'reboot', 'syslog'],
  ...['swapon', 'swapoff', 'acct', 'quotactl', 'quotactl_fd', 'settimeofday', 'clock_settime', 'clock_adjtime'],
  ...['adjtimex', 'sethostname', 'setdomainname', 'iopl', 'ioperm', 'vhangup', 'nfsservctl', 'sysfs', 'ustat'],
  ...['uselib', 'modify_ldt', 'move_pages', 'migrate_pages', 'set_mempolicy_home_node'],
  // Memory that outlives processes or that no limit of ours counts per sandbox.
  ...['mq_open', 'shmget', 'shmat', 'shmctl', 'semget', 'semctl', 'msgget', 'msgctl', 'memfd_secret'],
]

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET; NEWTIME is no flag of clone. */
const namespaceFlags = [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000]

/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: getaddrinfo and interface lists need the last. */
const allowedFamilies = [1, 2, 10, 16]
const highestAllowedFamily = 16

const deny = (names: readonly string[], errnoRet: number, args?: SeccompRule['args']): SeccompRule => ({
  names,
  action: 'SCMP_ACT_ERRNO',
  errnoRet,
  ...(args && { args }),
})

const architectures: Readonly<Record<string, string>> = { x64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' }

/**
 * The profile for the machine's architecture (a `process.arch`), the only one whose calls are let through: 32-bit calls
 * would go round the rules about arguments. Throws for an architecture that Weft does not run on.
 */
export function seccompProfile(arch: string): SeccompProfile {
  const architecture = architectures[arch]
  if (!architecture) throw new Error(`sandboxes do not run on ${arch}`)
  const families = Array.from({ length: highestAllowedFamily + 1 }, (_, family) => family)
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: [architecture],
    syscalls: [
      deny(denied, EPERM),
      // Its flags are in memory, where a filter cannot look; glibc falls back to clone at ENOSYS.
      deny(['clone3'], ENOSYS),
      // One rule for each flag: a single masked rule could only ask for all of them at once.
      ...namespaceFlags.map((flag) =>
        deny(['clone'], EPERM, [{ index: 0, value: flag, valueTwo: flag, op: 'SCMP_CMP_MASKED_EQ' }]),
      ),
      ...families
        .filter((family) => !allowedFamilies.includes(family))
        .map((family) => deny(['socket'], EAFNOSUPPORT, [{ index: 0, value: family, op: 'SCMP_CMP_EQ' }])),
      deny(['socket'], EAFNOSUPPORT, [{ index: 0, value: highestAllowedFamily, op: 'SCMP_CMP_GT' }]),
    ],
  }
}
