import { expect, test } from 'vitest'
import { seccompProfile } from './seccomp.ts'

const profile = seccompProfile('x64')

test('the calls that escapes are made of are denied', () => {
  const names = profile.syscalls.filter((rule) => !rule.args).flatMap((rule) => rule.names)
  for (const name of ['io_uring_setup', 'keyctl', 'bpf', 'userfaultfd', 'unshare', 'setns', 'mount', 'ptrace'])
    expect(names).toContain(name)
  expect(new Set(names).size).toBe(names.length)
})

test('clone3 seems not to exist, so that threads are made with clone', () => {
  expect(profile.syscalls.find((rule) => rule.names.includes('clone3'))?.errnoRet).toBe(38)
})

test('each namespace flag of clone has a rule of its own, and none touches the flags of a thread', () => {
  const threadFlags = 0x003d_0f00
  const rules = profile.syscalls.filter((rule) => rule.names.includes('clone'))
  expect(rules).toHaveLength(7)
  for (const rule of rules) {
    const [arg] = rule.args ?? []
    expect(arg?.valueTwo).toBe(arg?.value)
    expect((arg?.value ?? 0) & threadFlags).toBe(0)
  }
})

test.each([
  ['AF_UNIX', 1, false],
  ['AF_INET', 2, false],
  ['AF_INET6', 10, false],
  ['AF_NETLINK', 16, false],
  ['AF_AX25', 3, true],
  ['AF_PACKET', 17, true],
  ['AF_ALG', 38, true],
  ['AF_VSOCK', 40, true],
  ['AF_XDP', 44, true],
])('socket of %s denied: %s', (_, family, isDenied) => {
  const hit = profile.syscalls.some(
    (rule) =>
      rule.names.includes('socket') &&
      rule.args?.every((arg) => (arg.op === 'SCMP_CMP_GT' ? family > arg.value : family === arg.value)),
  )
  expect(hit).toBe(isDenied)
})

test('an unknown architecture is refused, for its calls would not be filtered', () => {
  expect(() => seccompProfile('mips')).toThrow('mips')
})
