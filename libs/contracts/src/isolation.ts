/**
 * What keeps a sandbox apart from its host, from least to most: nothing, the host's own kernel, a kernel in user space, a
 * machine of its own.
 */
export const isolationClasses = ['none', 'container', 'gvisor', 'vm'] as const
export type IsolationClass = (typeof isolationClasses)[number]

/** The tag of a function that says what it needs, over what its account needs. */
export const isolationTag = 'weft:isolation'

export const isIsolationClass = (text: string): text is IsolationClass =>
  (isolationClasses as readonly string[]).includes(text)

/** -1 for what is no class: less than any. */
const rank = (text: string): number => (isolationClasses as readonly string[]).indexOf(text)

/** Whether what is offered is at least what is needed; "" needs nothing. */
export const isolates = (offered: string, needed: string): boolean => needed === '' || rank(offered) >= rank(needed)

/** The strongest of what is needed; "" when nothing is. What is no class is not known to be met by anything. */
export function strictest(...needed: readonly (string | undefined)[]): string {
  let most = ''
  for (const one of needed) {
    if (one === undefined || one === '') continue
    if (!isIsolationClass(one)) return 'vm'
    if (most === '' || rank(one) > rank(most)) most = one
  }
  return most
}

/** What a low-level runtime offers, by the name that engines know it by: runc, runsc, kata-qemu, io.containerd.kata.v2 … */
export function isolationOfRuntime(name: string): IsolationClass {
  if (/kata|firecracker|cloud-hypervisor/i.test(name)) return 'vm'
  return /runsc|gvisor/i.test(name) ? 'gvisor' : 'container'
}
